import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Part, type SweepRun, SyscallSweep } from './syscall-sweep.ts';

/*
 * `npm run syscalls -- [--starts N] [--commits N] [--seed S] [--log audit] [--part I/N]`: lets calls of a start and of commits fail, by default each
 * call of a start with each fault; --log audit: of a log of events; with --part every N-th call from the I-th on, and as many of the commits. Says every 20 faults how
 * they ended until then. Exits with 1 when anything is lost or goes on that must not.
 */

const OUT = join(import.meta.dirname, '..', '..');
const PROGRAMS = {
  cli: join(OUT, 'src', 'cli', 'main.js'),
  pointServer: join(OUT, 'test', 'crash', 'point-server.js'),
};
const USAGE = 'npm run syscalls -- [--starts N] [--commits N] [--seed S] [--log audit] [--part I/N]';

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { starts: text, commits: text, seed: text, log: text, part: text },
  });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  const part = partOf(values.part ?? '1/1');
  if (part === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const log = values.log === 'audit' ? 'audit' : 'main';
  process.stderr.write(`seed ${seed}\n`);
  await using sweep = await SyscallSweep.create({ programs: PROGRAMS, seed, log, onRun: tally() });
  const startedAt = performance.now();
  const starts = await sweep.starts(Number(values.starts ?? Number.POSITIVE_INFINITY), part);
  const commits = await sweep.commits(Number(values.commits ?? Math.ceil(120 / part.parts)));
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const wrong = [...starts, ...commits].filter((run) => run.wrong !== undefined);
  const result = { seed, log, seconds, starts: outcomes(starts), commits: outcomes(commits), wrong };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  return wrong.length === 0 ? 0 : 1;
}

function partOf(text: string): Part | undefined {
  const [part = 0, parts = 0] = /^[0-9]+\/[0-9]+$/.test(text) ? text.split('/').map(Number) : [];
  return part >= 1 && part <= parts ? { part, parts } : undefined;
}

/** Says what is wrong at once, and every 20 faults and at the end of each sort how they ended: a run that is stopped has said something. */
function tally(): (run: SweepRun, done: number, of: number) => void {
  let runs: SweepRun[] = [];
  return (run, done, of) => {
    if (done === 1) runs = [];
    runs.push(run);
    if (run.wrong !== undefined) process.stderr.write(`WRONG ${JSON.stringify(run)}\n`);
    if (done % 20 !== 0 && done !== of) return;
    const wrong = runs.filter((each) => each.wrong !== undefined).length;
    process.stderr.write(`${done} of ${of}: ${JSON.stringify(outcomes(runs))}, ${wrong} wrong\n`);
  };
}

function outcomes(runs: readonly SweepRun[]): Record<string, number> {
  const counts: Record<string, number> = { runs: runs.length };
  for (const { outcome } of runs) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

process.exitCode = await main();
