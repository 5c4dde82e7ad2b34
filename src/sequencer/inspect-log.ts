import { TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import type { TreeSize } from '../core/units.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { decodedRow } from '../store/corrupt-row.ts';
import { readFileGuard } from '../store/file-guard.ts';
import { LevelStore } from '../store/level-store.ts';
import { bundleKey, decodeKept, keptRange } from '../store/rows.ts';
import { type DataDirectory, logPaths, readManifest } from './data-directory.ts';
import { keptHeadOf } from './kept-heads.ts';
import type { LogDescription, SignedHead } from './log.ts';
import { LogReader } from './log-reader.ts';
import { checkAgainstGuard, loadTree } from './recovery.ts';
import type { StoredLog } from './stored-log.ts';
import { TileReader } from './tile-reader.ts';

/** A log's files, opened to be looked at: nothing is written, the guard is not taken over. */
export interface InspectedLog extends Pick<LogDescription, 'name' | 'origin' | 'vkeys'>, AsyncDisposable {
  /** The head that the guard holds. */
  readonly head: SignedHead;
  readTile(tile: TileId): Promise<Uint8Array | undefined>;
  readBundle(bundle: { readonly index: number; readonly width: number }): Promise<Uint8Array | undefined>;
  keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]>;
  /** All of its rows, and the tree that they make; that may be ahead of the head by one commit. @throws TlogError data_damaged */
  stored(): Promise<StoredLog>;
  /** @throws TlogError guard_ahead, guard_conflict unless the tree of the rows had the head's root at its size; data_damaged */
  checkHead(): Promise<void>;
}

/**
 * Opens a stopped log for reading, damaged or not: full tiles and bundles are read as they lie there, and only
 * what belongs to the right edge needs the whole tree to make sense.
 * @throws TlogError no_data, guard_missing, guard_unreadable, data_locked, data_damaged
 */
export async function inspectLog(dir: DataDirectory, name: string): Promise<InspectedLog> {
  const manifest = await readManifest(dir, name);
  const { origin, vkey } = manifest;
  const paths = logPaths(dir, name);
  const head = await readFileGuard(paths.guard);
  const engine = await LevelStore.open(paths.db);
  const store = new CheckedStore(engine);
  const tiles = new TileReader(store, nodeHasher);
  let loading: Promise<LogReader> | undefined;
  const edgeReader = (): Promise<LogReader> => {
    loading ??= loadTree(nodeHasher, store, tiles).then(
      (state) =>
        new LogReader(
          store,
          tiles,
          nodeHasher,
          () => state,
          async () => undefined,
        ),
    );
    return loading;
  };
  return {
    name,
    origin,
    vkeys: [vkey],
    head,
    readTile: async (tile) => {
      if (tile.width === TILE_WIDTH) return (await tiles.readTile(tile.level, tile.index)).leaves(TILE_WIDTH);
      return (await edgeReader()).readTile(tile);
    },
    readBundle: async (bundle) => {
      if (bundle.width === TILE_WIDTH) return store.get(bundleKey(bundle.index));
      return (await edgeReader()).readBundle(bundle);
    },
    keptHeads: async (from, limit) => {
      const heads: SignedHead[] = [];
      for await (const [key, value] of store.iterate({ ...keptRange(from, head.size), limit }))
        heads.push(decodedRow(key, decodeKept(value).note, keptHeadOf));
      if (heads.length < limit && head.size >= from) heads.push(head);
      return heads;
    },
    stored: async () => {
      const state = await loadTree(nodeHasher, store, tiles);
      // A commit whose head was never signed is right, too, when it is whole.
      const own = state.size > head.size ? { ...head, size: state.size, rootHash: state.rootHash } : head;
      const tree = { head: own, state, signedAtMs: 0 };
      const { kind, duplicates, leafHashIndex, reads = 'public' } = manifest;
      const description = { name, kind, origin, vkeys: [vkey], duplicates, leafHashIndex, reads };
      return { ...description, stored: engine, tree: () => tree, report: () => undefined };
    },
    checkHead: async () =>
      checkAgainstGuard(nodeHasher, tiles, await loadTree(nodeHasher, store, tiles), head),
    [Symbol.asyncDispose]: () => store.close(),
  };
}
