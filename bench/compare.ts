import { chmod, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, saySample } from './harness/bench.ts';
import { runForText } from './harness/child.ts';
import type { RowResult } from './harness/finding.ts';
import { ROOT } from './harness/paths.ts';
import { measureInTurns } from './harness/rounds.ts';
import type { Contender } from './harness/sample.ts';
import { formatTable } from './harness/table.ts';
import { ROWS } from './rows/rows.ts';
import { versus } from './rows/work.ts';
import { chosenRows, readArguments } from './run/arguments.ts';
import { openBench, say } from './run/open-bench.ts';
import { runRow } from './run/run-rows.ts';

/*
 * compare OLD NEW: the server of two commits side by side, on the rows that are one load. Each is built in a
 * worktree of its own; the bench that measures them is the one of this tree.
 */

/** A commit checked out and built; disposing removes it. */
interface Built extends AsyncDisposable {
  readonly name: string;
  readonly program: string;
}

async function build(bench: Bench, revision: string): Promise<Built> {
  const commit = await git('rev-parse', '--verify', `${revision}^{commit}`);
  const folder = join(await bench.folder(), 'tree');
  say(`building ${revision} (${commit.slice(0, 8)})`);
  await git('worktree', 'add', '--detach', folder, commit);
  const remove = async (): Promise<void> => void (await git('worktree', 'remove', '--force', folder));
  const program = join(folder, 'dist', 'cli', 'main.js');
  try {
    await provideModules(folder);
    const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
    await runForText(process.execPath, [tsc, '-p', 'tsconfig.build.json'], folder);
    await chmod(program, 0o755);
  } catch (error) {
    await remove();
    throw error;
  }
  const name = `${revision} (${commit.slice(0, 8)})`;
  return { name, program, [Symbol.asyncDispose]: remove };
}

/** The packages of this tree, unless the commit names others. */
async function provideModules(folder: string): Promise<void> {
  const lock = (root: string): Promise<string> => readFile(join(root, 'package-lock.json'), 'utf8');
  if ((await lock(folder)) === (await lock(ROOT)))
    return symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await runForText('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
}

function git(...args: string[]): Promise<string> {
  return runForText('git', args, ROOT);
}

/** One row by both servers; what goes wrong is in the result. */
async function compareRow(
  bench: Bench,
  row: (typeof ROWS)[number],
  old: Bench,
  now: Bench,
): Promise<RowResult> {
  const names = { ours: 'new', theirs: 'old' } as const;
  const run = async () => {
    const opened: Contender[] = [];
    try {
      for (const [name, of] of [
        [names.theirs, old],
        [names.ours, now],
      ] as const) {
        const contender = await row.open?.(of);
        if (contender !== undefined) opened.push({ ...contender, name });
      }
      const samples = await measureInTurns(opened, bench.pace, (name, sample) =>
        saySample(bench, name, sample),
      );
      const metrics = ['perSec', 'p50Ms', 'p99Ms'] as const;
      return {
        findings: metrics.flatMap((metric) =>
          versus(samples, { ...names, metric, unit: row.unit ?? 'req/s' }),
        ),
        samples,
      };
    } finally {
      for (const contender of opened) await contender[Symbol.asyncDispose]();
    }
  };
  return runRow({ ...row, run }, bench);
}

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const [oldRevision, newRevision] = args.rest;
  if (oldRevision === undefined || newRevision === undefined)
    throw new TypeError('usage: npm run bench:compare -- OLD NEW [--only ROW] [--rounds N] [--seconds S]');
  const rows = chosenRows(ROWS, args.only).filter((row) => row.open !== undefined);
  await using bench = await openBench(args);
  await using old = await build(bench, oldRevision);
  await using now = await build(bench, newRevision);
  const results: RowResult[] = [];
  // An own object each: what a row keeps of a run, such as a filled log, belongs to one server.
  const oldBench = { ...bench, program: old.program };
  const newBench = { ...bench, program: now.program };
  for (const row of rows) results.push(await compareRow(bench, row, oldBench, newBench));
  say(`old: ${old.name}, new: ${now.name}`);
  console.log(args.json ? JSON.stringify(results, undefined, 1) : formatTable(results));
  process.exitCode = results.some(({ error }) => error !== undefined) ? 1 : 0;
}

await main();
