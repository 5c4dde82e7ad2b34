import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlogError } from '../core/error.ts';
import { readFileGuard } from './file-guard.ts';

/** The file of the process that makes a guard; whoever takes it over has one of a higher number. */
const FIRST = 'owner.0';

/**
 * Takes away what a process has left that died while it made a guard: one without a mark, which nobody has taken over. So nothing was ever signed
 * under it. Anything else stays. Only for guards of which nothing else says that they were there before.
 */
export async function removeCutShortGuard(folder: string): Promise<void> {
  if (!(await isCutShort(folder))) return;
  await rm(join(folder, FIRST), { force: true });
  // Not with what is in it: a process that has taken it over meanwhile keeps its file.
  await rmdir(folder);
}

async function isCutShort(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(absent);
  if (names === undefined || names.some((name) => name !== FIRST)) return false;
  return readFileGuard(folder).then(
    () => false,
    ({ code }: TlogError) => code === 'guard_missing' || code === 'guard_unreadable',
  );
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
