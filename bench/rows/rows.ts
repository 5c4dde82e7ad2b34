import type { Row } from '../harness/bench.ts';
import { appendRows } from './append.ts';
import { ceiling } from './ceiling.ts';
import { readRows } from './reads.ts';

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = [ceiling, ...appendRows, ...readRows];
