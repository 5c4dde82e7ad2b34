import { lstat, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { treeSize } from '../core/units.ts';
import { readKeyFile } from '../keys/key-file.ts';
import { createSigner } from '../keys/signer.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { isGone, unread } from '../store/disk-error.ts';
import { readFileGuard } from '../store/file-guard.ts';
import { syncFolder } from '../store/guard-files.ts';
import { type DataDirectory, type LogPaths, logPaths, pathsIn } from './data-directory.ts';
import { HeadSigner } from './head-signer.ts';
import type { SignedHead } from './log.ts';

/** What the names of a log and its guard end with until it is whole: no log has such a name. */
const UNFINISHED = '.new';

/** Whether a name is of a log, or a guard, that is not whole. */
export function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED);
}

/** Where a log is made. @throws TlogError invalid_parameter when the name is not one */
export function unfinishedPaths(dir: DataDirectory, name: string): LogPaths {
  const { root, guard } = logPaths(dir, name);
  return pathsIn(`${root}${UNFINISHED}`, `${guard}${UNFINISHED}`);
}

/** Gives a log that is whole its name: its guard first, as a log without one would refuse each start. */
export async function giveName(made: LogPaths, paths: LogPaths): Promise<void> {
  await rename(made.guard, paths.guard);
  await syncFolder(dirname(paths.guard));
  await rename(made.root, paths.root);
  await syncFolder(dirname(paths.root));
}

/** @throws TlogError data_exists when a log or guard has the name already */
export async function refuseTaken({ root, guard, manifest }: LogPaths): Promise<void> {
  if (await isThere(root)) {
    const what = (await isThere(manifest)) ? 'exists' : 'exists and has no log.json: look what it is';
    throw new TlogError('data_exists', `${root} ${what}; a log is never made over an old one`);
  }
  if (await isThere(guard))
    throw new TlogError(
      'data_exists',
      `a guard exists at ${guard}; a guard is never made anew over an old one`,
    );
}

/**
 * Removes what a creation of this log has left that was cut short. It was never a log, and nothing but its empty tree was signed.
 * @returns false where there was nothing @throws TlogError storage_unreadable, and those of readFileGuard
 */
export async function removeUnfinished(dir: DataDirectory, name: string): Promise<boolean> {
  const [left, paths] = [unfinishedPaths(dir, name), logPaths(dir, name)];
  if (!(await isThere(left.root)) && !(await isThere(left.guard))) return false;
  const isNamed = await isThere(paths.root);
  if (!isNamed && (await isGuardOf(paths.guard, left))) await rm(paths.guard, { recursive: true });
  await rm(left.guard, { recursive: true, force: true });
  // Last: by the key in it the guard is known.
  await rm(left.root, { recursive: true, force: true });
  return true;
}

/** Whether a guard holds the empty tree of a log that has not got its name, as its key alone signs it. */
async function isGuardOf(guard: string, { key }: LogPaths): Promise<boolean> {
  if (!(await isThere(guard)) || !(await isThere(key))) return false;
  const { note } = await signEmptyTree(await readKeyFile(key));
  return (await readFileGuard(guard)).note === note;
}

/** The first head of a log. */
export function signEmptyTree(skey: string): Promise<SignedHead> {
  const signer = createSigner(skey);
  const head = new HeadSigner(signer.name, signer, createNoteVerifier(signer.vkey, ed25519Verify));
  return head.sign(treeSize(0), nodeHasher.emptyRoot);
}

/** Whether something has this name, whatever it is. @throws TlogError storage_unreadable */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw unread(path, error);
  }
}
