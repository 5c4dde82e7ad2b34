import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { runForText } from './child.ts';

const SYNC_CALLS: ReadonlySet<string> = new Set([
  'fsync',
  'fdatasync',
  'sync_file_range',
  'msync',
  'syncfs',
  'sync',
]);
/** Writes; one to a file that was opened to be synced with each write is a sync too. */
const WRITE_CALLS: ReadonlySet<string> = new Set(['write', 'writev', 'pwrite64', 'pwritev']);
const TRACED = [...SYNC_CALLS, ...WRITE_CALLS, 'openat', 'close'].join(',');
/** O_DSYNC, which O_SYNC holds too (fcntl.h on Linux). */
const O_DSYNC = 0o10000;
/** strace says this once it holds every thread. */
const ATTACHED = /attached/;
const ATTACH_MS = 10_000;
/** `PID call(descriptor, …` or `PID <... call resumed>…`. */
const LINE = /^(\d+)\s+(?:<\.\.\. (\w+) resumed|(\w+)\((\d*))/;

/** Whether strace runs here. */
export async function straceRuns(): Promise<boolean> {
  return runForText('strace', ['-V']).then(
    () => true,
    () => false,
  );
}

/**
 * Counts the syncs of a process while something is done: sync calls, and writes to files that are synced with each
 * write. strace slows the process, so nothing is timed then. undefined where strace is missing or may not attach.
 */
export async function countSyncs(
  bench: Bench,
  pid: number,
  during: () => Promise<void>,
): Promise<number | undefined> {
  if (!bench.hasStrace || pid === 0) return undefined;
  const synced = await syncedFiles(pid);
  const file = join(await bench.folder(), 'strace');
  const args = ['-f', '-e', `trace=${TRACED}`, '-s', '0', '-o', file, '-p', `${pid}`];
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
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
  return countCalls(await readFile(file, 'utf8'), synced);
}

/** Descriptors of a process whose every write is synced. */
async function syncedFiles(pid: number): Promise<ReadonlySet<number>> {
  const folder = `/proc/${pid}/fdinfo`;
  const synced = new Set<number>();
  for (const name of await readdir(folder)) {
    // A descriptor may be closed while we look.
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '0', 8);
    if ((flags & O_DSYNC) !== 0) synced.add(Number(name));
  }
  return synced;
}

/**
 * Syncs in what strace wrote; a call that is shown in two parts counts once. `syncedFiles` are the descriptors that
 * were open for synced writes before.
 */
export function countCalls(text: string, syncedFiles: ReadonlySet<number>): number {
  const synced = new Set(syncedFiles);
  const opening = new Map<string, boolean>();
  let syncs = 0;
  for (const line of text.split('\n')) {
    const [, thread = '', resumed = '', begun = '', first = ''] = LINE.exec(line) ?? [];
    const call = resumed || begun;
    if (call === 'openat') {
      // The flags are in a call's first part, the descriptor in its last.
      const isSynced = resumed === '' ? /\bO_D?SYNC\b/.test(line) : opening.get(thread) === true;
      opening.set(thread, isSynced);
      const descriptor = /= (\d+)$/.exec(line)?.[1];
      if (isSynced && descriptor !== undefined) synced.add(Number(descriptor));
    } else if (call === 'close') {
      synced.delete(Number(first));
    } else if (
      resumed === '' &&
      (SYNC_CALLS.has(call) || (WRITE_CALLS.has(call) && synced.has(Number(first))))
    ) {
      syncs += 1;
    }
  }
  return syncs;
}
