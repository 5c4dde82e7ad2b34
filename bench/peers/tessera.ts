import { join } from 'node:path';
import type { Bench } from '../harness/bench.ts';
import { type Child, runForText, startChild } from '../harness/child.ts';
import { ROOT } from '../harness/paths.ts';

/** How long an entry may wait for its batch: Tessera's default, and one that suits a single log. */
export const BATCH_AGE = { default: '250ms', tuned: '5ms' } as const;

/** Builds the peer into a folder and gives back its path; undefined without Go. @throws Error when it does not build */
export async function buildTessera(folder: string): Promise<string | undefined> {
  if ((await goVersion()) === undefined) return undefined;
  const binary = join(folder, 'tessera-peer');
  await runForText('go', ['build', '-o', binary, '.'], join(ROOT, 'bench', 'tessera'));
  return binary;
}

/** The version of Go, such as go1.26.8; undefined without Go. */
export async function goVersion(): Promise<string | undefined> {
  return runForText('go', ['env', 'GOVERSION']).catch(() => undefined);
}

/** A new log of the peer, served; undefined without Go. */
export async function startTessera(
  bench: Bench,
  batchAge: keyof typeof BATCH_AGE,
): Promise<Child | undefined> {
  if (bench.tessera === undefined) return undefined;
  return startChild(bench.tessera, ['--dir', await bench.folder(), '--batch-age', BATCH_AGE[batchAge]]);
}
