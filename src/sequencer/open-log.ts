import { statfsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlogError } from '../core/error.ts';
import { openEventFiles } from '../events/event-files.ts';
import type { SealingThread } from '../events/sealer-beside.ts';
import { readKeyFile } from '../keys/key-file.ts';
import { createSigner } from '../keys/signer.ts';
import type { Clock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { systemRandom } from '../runtime/random.ts';
import { FileGuard, readFileGuard } from '../store/file-guard.ts';
import { refuseHoledLog } from '../store/level-files.ts';
import { LevelStore } from '../store/level-store.ts';
import { type DataDirectory, logPaths, readManifest } from './data-directory.ts';
import { findingFile } from './finding-file.ts';
import type { Log, Publisher } from './log.ts';
import { adviseRepair, nameLog } from './refusal.ts';
import type { DiskSpace } from './reserve.ts';
import { type StartDeps, type StartOptions, startLog } from './start-log.ts';
import type { StoredLog } from './stored-log.ts';

/** A log that this process owns. */
export interface OpenLog extends Log, AsyncDisposable {
  /** Resolves with the error that ended the log; never rejects. The process must end with 70. */
  readonly failed: Promise<TlogError>;
  /** Finishes what waits, marks a clean stop and lets go. Idempotent. */
  close(): Promise<void>;
  /** Its rows for who re-reads all of them. */
  stored(): StoredLog;
  /** Ends the log when its database is no longer where it was opened. */
  lookAtDisk(): void;
  /** From now on this says what the published head is; without one it is the log head. */
  publishBy(publisher: Publisher): void;
  /** Ends the log: nothing more is taken, what waits is refused, and `failed` resolves. */
  end(error: TlogError): void;
}

/** What an operator may set. */
export type OpenOptions = Pick<
  StartOptions,
  'queue' | 'tiles' | 'reserveBytes' | 'onFinding' | 'beforeSigning'
>;

export interface OpenLogDeps {
  readonly dir: DataDirectory;
  readonly clock: Clock;
  /** Seals many events at a time; absent: between other work. */
  readonly sealing?: Pick<SealingThread, 'ask'>;
}

/**
 * Opens a log from its files, on LevelDB and the guard folder.
 * @throws TlogError of kind `refused`, with both sizes in `details` where data and guard disagree
 */
export async function openLog(deps: OpenLogDeps, name: string, options: OpenOptions = {}): Promise<OpenLog> {
  try {
    return await startLog(await logOnFiles(deps, name), options);
  } catch (error) {
    throw nameLog(error, name);
  }
}

/** What a log on files is started from; a test may put faults around its parts. @throws TlogError no_data, key_file_exposed */
export async function logOnFiles(deps: OpenLogDeps, name: string): Promise<StartDeps> {
  const manifest = await readManifest(deps.dir, name);
  const paths = logPaths(deps.dir, name);
  return {
    manifest,
    signer: createSigner(await readKeyFile(paths.key)),
    clock: deps.clock,
    hasher: nodeHasher,
    readGuard: () => readFileGuard(paths.guard),
    openStore: async () => {
      await refuseHoledLog(paths.db);
      return LevelStore.open(paths.db).catch(adviseRepair);
    },
    takeOverGuard: () => FileGuard.takeOver(paths.guard),
    openEvents: async (size) => ({
      ...(await openEventFiles(paths.root, size, systemRandom)),
      sealing: deps.sealing,
    }),
    bytesOnDisk: () => folderBytes(paths.db),
    diskSpace: () => volumeOf(paths.root),
    findings: findingFile(paths.root),
  };
}

/** Asked at once: the answer is in memory and costs 3 us. */
function volumeOf(path: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(path)) {
    // Compaction removes files under our hands; one that is gone takes no space.
    bytes += await stat(join(path, name)).then(
      (file) => file.size,
      () => 0,
    );
  }
  return bytes;
}
