import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { runForText } from './child.ts';

const SYNCS = 'trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync';
/** strace says this once it holds every thread. */
const ATTACHED = /attached/;
const ATTACH_MS = 10_000;

/** Whether strace runs here. */
export async function straceRuns(): Promise<boolean> {
  return runForText('strace', ['-V']).then(
    () => true,
    () => false,
  );
}

/**
 * Counts the sync calls of a process while something is done. strace slows the process, so nothing is timed then.
 * undefined where strace is missing or may not attach.
 */
export async function countSyncs(
  bench: Bench,
  pid: number,
  during: () => Promise<void>,
): Promise<number | undefined> {
  if (!bench.hasStrace || pid === 0) return undefined;
  const file = join(await bench.folder(), 'strace');
  const tracer = spawn('strace', ['-f', '-e', SYNCS, '-o', file, '-p', `${pid}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(tracer, 'exit');
  try {
    const attached = await Promise.race([
      once(tracer.stderr, 'data', { signal: AbortSignal.timeout(ATTACH_MS) }).then(([said]) =>
        ATTACHED.test(`${said}`),
      ),
      exited.then(() => false),
    ]);
    if (!attached) return undefined;
    await during();
  } finally {
    tracer.kill('SIGINT');
    await exited;
  }
  return countCalls(await readFile(file, 'utf8'));
}

/** Sync calls in what strace wrote; a call that is shown in two parts counts once. */
export function countCalls(text: string): number {
  return text
    .split('\n')
    .filter((line) => /\b(?:fsync|fdatasync|sync_file_range|msync|syncfs|sync)\(/.test(line)).length;
}
