import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupLog, isBackup } from '../backup/backup-folder.ts';
import { TlogError } from '../core/error.ts';
import { BlobFolder } from '../events/blobs.ts';
import { eventPaths } from '../events/event-files.ts';
import { SeedFile, type SeedRun } from '../events/seed-file.ts';
import { TileFolder } from '../fsck/tile-folder.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { RowReader } from '../scrub/row-reader.ts';
import { logPaths } from '../sequencer/data-directory.ts';
import { LevelStore } from '../store/level-store.ts';
import { allCopies, allRetries } from './stored-events.ts';
import { DerivedTiles, StoredTree } from './stored-tree.ts';
import type { TreeSource } from './tree-source.ts';

const SEEDS_AT_A_TIME = 65_536;

/** A folder as a source; whoever opened it closes it. */
export interface FolderSource extends AsyncDisposable {
  readonly source: TreeSource;
}

/**
 * A backup, another data directory whose server is stopped, or exported tiles.
 * @throws TlogError no_data when it is none of them; the errors of opening a database
 */
export async function folderSource(folder: string, log: string): Promise<FolderSource> {
  if (await isBackup(folder)) return plain(new BackupLog(folder, log));
  if (await isThere(join(folder, 'stele.json'))) return databaseSource(folder, log);
  if (await isThere(join(folder, 'tile'))) return plain(new TileFolder(folder));
  throw new TlogError('no_data', `${folder} is no backup, no data directory and no folder of exported tiles`);
}

function plain(source: TreeSource): FolderSource {
  return { source, [Symbol.asyncDispose]: async () => undefined };
}

/** Nothing of it is written: what LevelDB does on opening is put back on closing. */
async function databaseSource(dataPath: string, log: string): Promise<FolderSource> {
  const paths = logPaths({ dataPath, guardPath: '' }, log);
  const engine = await LevelStore.open(paths.db);
  const rows = new RowReader(engine);
  const stored = new StoredTree(nodeHasher, rows);
  // No row has a partial tile: those at the edge of a tree are made from what lies below them.
  const edge = new DerivedTiles(nodeHasher, stored, 'tiles');
  const source: TreeSource = {
    tile: async (tile) => (await stored.tile(tile)) ?? (await edge.tile(tile)),
    bundle: (bundle) => stored.bundle(bundle),
    heads: () => stored.heads(),
    retries: () => stored.retries(),
    ...eventsOf(paths.root, rows),
  };
  return { source, [Symbol.asyncDispose]: () => engine.close() };
}

/** A log of entries has no such rows. */
function eventsOf(logFolder: string, rows: RowReader): Pick<TreeSource, 'payloads' | 'seeds' | 'eventRows'> {
  const { raw, seeds } = eventPaths(logFolder);
  return {
    payloads: () => allCopies(rows, new BlobFolder(raw)),
    seeds: () => seedsIn(seeds),
    eventRows: () => allRetries(rows),
  };
}

/** 2 MiB of seeds at a time; none where there is no file of them. */
async function* seedsIn(path: string): AsyncGenerator<SeedRun> {
  const slots = (await isThere(path)) ? await SeedFile.slots(path) : 0;
  for (let from = 0; from < slots; from += SEEDS_AT_A_TIME)
    yield* await SeedFile.runs(path, from, Math.min(slots, from + SEEDS_AT_A_TIME));
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
