import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import type { Results } from '../../bench/harness/results.ts';
import { tempFolder } from '../support/temp-folder.ts';

const run = promisify(execFile);
const BUILD_MS = 120_000;
const TSC = 'node_modules/typescript/bin/tsc';
/** Beside the compiled bench, so that no other test finds dist/ half written. */
const SERVER_OUT = 'bench/dist/server';
const PROGRAM = join(SERVER_OUT, 'cli', 'main.js');

beforeAll(async () => {
  await run(process.execPath, [TSC, '-p', 'bench/tsconfig.json']);
  await run(process.execPath, [TSC, '-p', 'tsconfig.build.json', '--outDir', SERVER_OUT]);
  await chmod(PROGRAM, 0o755);
}, BUILD_MS);

/** One short round, so that the bench does not rot. How fast anything was says nothing here. */
test('the compiled bench measures the built server beside the bare one', async () => {
  const folder = await tempFolder();
  // A PATH with node alone has neither Go nor strace: the rows say so and go on.
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await symlink(process.execPath, join(bin, 'node'));
  const args = ['--smoke', '--json', '--only', 'append-64', '--program', PROGRAM, '--dir', folder];
  const { stdout } = await run(process.execPath, ['bench/dist/bench/main.js', ...args], {
    env: { PATH: bin },
  });
  const results: Results = JSON.parse(stdout);
  expect(results.mode).toBe('smoke');
  const [row] = results.rows;
  expect(row?.error).toBeUndefined();
  expect(Object.keys(row?.samples ?? {})).toEqual(['stele', 'bare']);
  for (const [sample] of Object.values(row?.samples ?? {})) {
    expect(sample?.count).toBeGreaterThan(0);
    expect(sample?.p99Ms).toBeGreaterThanOrEqual(sample?.p50Ms ?? Number.NaN);
  }
  expect(row?.findings.map(({ against, goal }) => [against, goal])).toEqual([
    ['bare', { atLeast: 0.5, aim: 0.6 }],
  ]);
  expect(row?.notes.join('\n')).toMatch(/Tessera 5ms: left out[\s\S]*strace does not run here/);
});
