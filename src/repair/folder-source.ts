import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupLog, isBackup } from '../backup/backup-folder.ts';
import { TlogError } from '../core/error.ts';
import { TileFolder } from '../fsck/tile-folder.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { RowReader } from '../scrub/row-reader.ts';
import { logPaths } from '../sequencer/data-directory.ts';
import { LevelStore } from '../store/level-store.ts';
import { DerivedTiles, StoredTree } from './stored-tree.ts';
import type { TreeSource } from './tree-source.ts';

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
  const engine = await LevelStore.open(logPaths({ dataPath, guardPath: '' }, log).db);
  const stored = new StoredTree(nodeHasher, new RowReader(engine));
  // No row has a partial tile: those at the edge of a tree are made from what lies below them.
  const edge = new DerivedTiles(nodeHasher, stored, 'tiles');
  const source: TreeSource = {
    tile: async (tile) => (await stored.tile(tile)) ?? (await edge.tile(tile)),
    bundle: (bundle) => stored.bundle(bundle),
    heads: () => stored.heads(),
    retries: () => stored.retries(),
  };
  return { source, [Symbol.asyncDispose]: () => engine.close() };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
