import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type SweepRun, SyscallSweep } from './syscall-sweep.ts';

/*
 * `npm run syscalls -- [--starts N] [--commits N] [--seed S]`: lets calls of a start and of commits fail, by default
 * each call of a start with each fault. Exits with 1 when anything is lost or goes on that must not.
 */

const OUT = join(import.meta.dirname, '..', '..');

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { starts: text, commits: text, seed: text } });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  const programs = {
    cli: join(OUT, 'src', 'cli', 'main.js'),
    pointServer: join(OUT, 'test', 'crash', 'point-server.js'),
  };
  await using sweep = await SyscallSweep.create(programs, seed);
  const starts = await sweep.starts(Number(values.starts ?? Number.POSITIVE_INFINITY));
  const commits = await sweep.commits(Number(values.commits ?? 120));
  const wrong = [...starts, ...commits].filter((run) => run.wrong !== undefined);
  const result = { seed, starts: outcomes(starts), commits: outcomes(commits), wrong };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  return wrong.length === 0 ? 0 : 1;
}

function outcomes(runs: readonly SweepRun[]): Record<string, number> {
  const counts: Record<string, number> = { runs: runs.length };
  for (const { outcome } of runs) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

process.exitCode = await main();
