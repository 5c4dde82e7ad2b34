import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writtenBytes } from './process-stats.ts';

const QUIET_MS = 1_000;
const QUIET_MAX_MS = 120_000;

/** Bytes of all files below a folder. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Waits until a process has written nothing for a second, such as until LevelDB has compacted what was filled in;
 * false when it has not come to rest in two minutes.
 */
export async function untilQuiet(pid: number): Promise<boolean> {
  const endMs = performance.now() + QUIET_MAX_MS;
  let before = -1;
  for (let now = writtenBytes(pid).disk; now !== before; now = writtenBytes(pid).disk) {
    if (performance.now() > endMs) return false;
    before = now;
    await sleep(QUIET_MS);
  }
  return true;
}
