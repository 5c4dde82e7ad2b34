import type { Row } from '../harness/bench.ts';
import { appendRows } from './append.ts';
import { batchRow } from './batch.ts';
import { catchUpLargeRow, catchUpRow } from './catch-up.ts';
import { ceiling } from './ceiling.ts';
import { eventRows } from './events.ts';
import { growthRow } from './growth.ts';
import { latencyRow } from './latency.ts';
import { microRow } from './micro.ts';
import { mixedRow } from './mixed.ts';
import { overloadRow } from './overload.ts';
import { readRows } from './reads.ts';
import { stallRow } from './stall.ts';
import { diskRow, firstLogRow, fsckRow } from './storage.ts';
import { writtenRow } from './written.ts';

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = [
  ceiling,
  ...appendRows,
  batchRow,
  ...eventRows,
  ...readRows,
  mixedRow,
  overloadRow,
  stallRow,
  latencyRow,
  growthRow,
  fsckRow,
  catchUpRow,
  catchUpLargeRow,
  diskRow,
  writtenRow,
  firstLogRow,
  microRow,
];
