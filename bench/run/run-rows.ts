import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { killLeftovers } from '../harness/child.ts';
import type { RowResult } from '../harness/finding.ts';
import { filesystemOf } from '../harness/paths.ts';
import {
  describeCommit,
  describeMachine,
  describeVersions,
  type Results,
  readAllResults,
  writeResults,
} from '../harness/results.ts';
import { goVersion } from '../peers/tessera.ts';
import type { Arguments } from './arguments.ts';

/** A row that hangs must not keep the others from being measured. The longest took 18 minutes of a busy machine. */
const ROW_MS = 45 * 60_000;

/** A new run, or the newest of the same commit and mode, to be gone on with. */
export async function beginRun({ mode, pace, base, resume }: Arguments): Promise<Results> {
  const commit = await describeCommit();
  const isSame = (run: Results): boolean => run.mode === mode && run.commit === commit.commit;
  const before = resume ? (await readAllResults()).filter(isSame).at(-1) : undefined;
  if (before !== undefined) return before;
  const disk = await filesystemOf(base);
  if (disk === 'tmpfs' && mode !== 'smoke')
    throw new TypeError(`${base} is in memory, so a sync costs nothing: name a disk with --dir`);
  const loadGenerator = 'autocannon in the process of the bench';
  return {
    schema: 1,
    mode,
    startedAt: new Date().toISOString(),
    ...commit,
    machine: describeMachine(disk),
    versions: await describeVersions(await goVersion()),
    method: { ...pace, entryBytes: 300, order: 'A B C A B C', loadGenerator },
    rows: [],
  };
}

/** What of the rows is still to be measured: with names all that were named, else what is missing or failed. */
export function rowsToRun(
  rows: readonly Row[],
  results: Results,
  only: readonly string[] | undefined,
): Row[] {
  const isDone = ({ name }: Row): boolean =>
    results.rows.some(({ row, error }) => row === name && error === undefined);
  return rows.filter((row) => only !== undefined || !isDone(row));
}

/** Measures rows, one after the other. What is found is written after each, so that an end half-way loses one. */
export async function runRows(bench: Bench, rows: readonly Row[], begun: Results): Promise<Results> {
  let results = begun;
  for (const row of rows) {
    const result = await runRow(row, bench);
    const others = results.rows.filter((other) => other.row !== result.row);
    results = { ...results, rows: [...others, result] };
    if (bench.mode !== 'smoke') await writeResults(results);
  }
  return results;
}

/** Measures one row; what goes wrong is in the result. */
export async function runRow(row: Row, bench: Bench): Promise<RowResult> {
  const { name, title } = row;
  bench.say(`${name}: ${title}`);
  const startMs = performance.now();
  const done = (rest: Outcome): RowResult => {
    const seconds = Math.round((performance.now() - startMs) / 100) / 10;
    return { row: name, title, samples: {}, notes: [], seconds, ...rest };
  };
  try {
    const outcome = await inTime(row.run(bench));
    for (const note of outcome.notes ?? []) bench.say(`  ${note}`);
    return done(outcome);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    bench.say(`  failed: ${text}`);
    return done({ findings: [], error: text });
  } finally {
    killLeftovers();
  }
}

async function inTime(running: Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ROW_MS / 60_000} minutes`)), ROW_MS);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
