import { type FsckDeps, type FsckResult, fsckLog } from '../fsck/fsck-log.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { checkFiles, checkRows, type DirectoryDifference } from '../scrub/check-directory.ts';
import type { DataDirectory } from '../sequencer/data-directory.ts';
import { inspectLog } from '../sequencer/inspect-log.ts';
import { levelDamage } from '../store/disk-error.ts';

/** What a check of a data directory came to. */
export type DirectoryResult = Omit<FsckResult, 'difference'> & {
  /** Events whose secrets are not here: they are proven, and nothing of them was opened. */
  readonly eventsUnavailable?: number;
  readonly difference?: FsckResult['difference'] | DirectoryDifference;
};

/**
 * The check of a stopped log in its directory (spec FSCK-5): files, then entries, tiles and heads, then all rows.
 * @throws TlogError of kind refused, where the log is damaged beyond naming a part of it
 */
export async function fsckDirectory(
  dir: DataDirectory,
  name: string,
  onProgress?: FsckDeps['onProgress'],
): Promise<DirectoryResult> {
  const wrongFile = await checkFiles(dir, name);
  if (wrongFile !== undefined) return { entries: 0, tiles: 0, heads: 0, difference: wrongFile };
  try {
    await using log = await inspectLog(dir, name);
    const deps = { hasher: nodeHasher, verifyHead: headVerifier(log) };
    const result = await fsckLog(log, onProgress === undefined ? deps : { ...deps, onProgress });
    return result.difference === undefined ? { ...result, ...(await checkRows(dir, log)) } : result;
  } catch (error) {
    throw levelDamage(error) ?? error;
  }
}
