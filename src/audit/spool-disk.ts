import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TlogError } from '../core/error.ts';

/** Makes a folder for its owner alone, where there is none, so that it outlives the end of the machine: with those above it. */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  const made = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  // A new name is on the disk once the folder that it stands in is.
  const highest = dirname(resolve(made));
  for (let at = dirname(path); ; at = dirname(at)) {
    syncFolderNow(at);
    if (at === highest || at === dirname(at)) return;
  }
}

function syncFolderNow(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path);
  await folder.sync();
}

/** What to throw for an error of the disk while a spool is written; other errors stay what they are. */
export function unwritable(folder: string, cause: unknown): unknown {
  if (!isOfDisk(cause)) return cause;
  const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT';
  const message = `the spool ${folder} takes no writes: ${cause.message}`;
  return new TlogError(isFull ? 'spool_full' : 'not_writable', message, { cause });
}

/** The same while it is read. */
export function unreadable(folder: string, cause: unknown): unknown {
  if (!isOfDisk(cause)) return cause;
  const message = `the spool ${folder} cannot be read: ${cause.message}`;
  return new TlogError('storage_unreadable', message, { cause });
}

function isOfDisk(error: unknown): error is Error & { readonly code: unknown } {
  return error instanceof Error && !(error instanceof TlogError) && 'code' in error;
}
