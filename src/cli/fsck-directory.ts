import { TlogError } from '../core/error.ts';
import { planGrowth } from '../core/tile/growth.ts';
import { treeSize } from '../core/units.ts';
import { type FsckDeps, type FsckResult, fsckLog } from '../fsck/fsck-log.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import {
  type CheckedRows,
  checkFiles,
  checkRows,
  type DirectoryDifference,
  withEvents,
} from '../scrub/check-directory.ts';
import { readSoundLog, type SoundLog } from '../scrub/sound-log.ts';
import { checkDataDirectory, type DataDirectory } from '../sequencer/data-directory.ts';
import { type InspectedLog, inspectLog } from '../sequencer/inspect-log.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { levelDamage } from '../store/disk-error.ts';
import { wrongStateFile } from './state-files.ts';

const HEADS_PER_READ = 1_000;

/** What a check of a data directory came to. */
export type DirectoryResult = Omit<FsckResult, 'difference'> & {
  /** Events whose secrets are not here: they are proven, and nothing of them was opened. */
  readonly eventsUnavailable?: number;
  readonly difference?: FsckResult['difference'] | DirectoryDifference;
};

/**
 * The check of a stopped log in its directory (spec FSCK-5): its files, then all that they hold in one reading. Where that
 * is not right, it is read again in the order of the tree, to name what is the first to differ.
 * @throws TlogError of kind refused, where the log is damaged beyond naming a part of it
 */
export async function fsckDirectory(
  dir: DataDirectory,
  name: string,
  onProgress: FsckProgress = () => undefined,
): Promise<DirectoryResult> {
  await checkDataDirectory(dir);
  const wrongFile = (await checkFiles(dir, name)) ?? (await wrongStateFile(dir, name));
  if (wrongFile !== undefined) return { entries: 0, tiles: 0, heads: 0, difference: wrongFile };
  try {
    await using log = await inspectLog(dir, name);
    return (await soundResult(dir, log, onProgress)) ?? (await firstDifference(dir, log, onProgress));
  } catch (error) {
    throw levelDamage(error) ?? error;
  }
}

type FsckProgress = NonNullable<FsckDeps['onProgress']>;

/** What was checked of a log in which all is right; else undefined. */
async function soundResult(
  dir: DataDirectory,
  log: InspectedLog,
  onProgress: FsckProgress,
): Promise<DirectoryResult | undefined> {
  const { size } = log.head;
  try {
    await headVerifier(log)(log.head);
    await log.checkHead();
    const read = (stored: StoredLog): Promise<SoundLog | undefined> =>
      readSoundLog(stored, (entries) => onProgress({ entries: Math.min(entries, size), size }));
    const sound = await withEvents(dir, log, read);
    if (sound === undefined) return undefined;
    const counts = {
      entries: size,
      tiles: planGrowth(treeSize(0), size).length,
      heads: await countHeads(log),
    };
    const { eventsUnavailable } = sound;
    return eventsUnavailable === undefined ? counts : { ...counts, eventsUnavailable };
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** The head and those that were kept before it. */
async function countHeads(log: InspectedLog): Promise<number> {
  let count = 0;
  for (let from = 0; from <= log.head.size; ) {
    const heads = await log.keptHeads(treeSize(from), HEADS_PER_READ);
    count += heads.length;
    from = (heads.at(-1)?.size ?? log.head.size) + 1;
  }
  return count;
}

async function firstDifference(
  dir: DataDirectory,
  log: InspectedLog,
  onProgress: FsckProgress,
): Promise<DirectoryResult> {
  const result = await fsckLog(log, { hasher: nodeHasher, verifyHead: headVerifier(log), onProgress });
  const { difference } = result;
  if (difference === undefined) return { ...result, ...(await checkRows(dir, log)) };
  return difference.part === 'entry' ? { ...result, difference: await ofTwo(dir, log, difference) } : result;
}

/** An entry is not what its tile says: the tile above tells which of the two is wrong. */
async function ofTwo(
  dir: DataDirectory,
  log: InspectedLog,
  entry: DirectoryDifference,
): Promise<DirectoryDifference> {
  const { difference } = await checkRows(dir, log).catch((error: unknown): CheckedRows => {
    // Where the edge does not hold either, nothing tells.
    if (error instanceof TlogError) return {};
    throw error;
  });
  return difference?.part === 'tile' ? difference : entry;
}
