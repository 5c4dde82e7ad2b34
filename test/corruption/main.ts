import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLASSES } from './mutation.ts';
import { sweep } from './sweep.ts';
import { violationsOf } from './tally.ts';

/*
 * `npm run corruption -- [--mutations N] [--entries N] [--seed S] [--only CLASS]`: damages copies of two logs in many ways.
 * Exits with 1 when an answer is wrong, a head is signed that does not fit, fsck misses something or names another place,
 * or an error is a bug of ours.
 */

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { mutations: text, entries: text, seed: text, only: text, verbose: { type: 'boolean' } },
  });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  const only = CLASSES.find((name) => name === values.only);
  process.stderr.write(`seed ${seed}\n`);
  const startedAt = performance.now();
  let told = 0;
  const result = await sweep({
    program: join(import.meta.dirname, 'worker.js'),
    mutations: Number(values.mutations ?? 2_000),
    entries: Number(values.entries ?? 2_000),
    seed,
    ...(only === undefined ? {} : { only }),
    onTrial: (done, mutation, trial, violations) => {
      if (values.verbose === true) process.stderr.write(`${mutation.what}: ${JSON.stringify(trial)}\n`);
      for (const violation of violations.slice(told)) process.stderr.write(`WRONG ${violation}\n`);
      told = violations.length;
      if (done % 50 === 0) process.stderr.write(`${done} damaged files, ${told} violations\n`);
    },
  });
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  process.stdout.write(`${JSON.stringify({ seed, seconds, ...result }, null, 2)}\n`);
  return violationsOf(result).length === 0 ? 0 : 1;
}

process.exitCode = await main();
