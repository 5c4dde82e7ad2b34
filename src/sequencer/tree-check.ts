import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { HASH_BYTES, type Hash, type TreeHasher } from '../core/merkle/hasher.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodedRow } from '../store/corrupt-row.ts';
import { REPAIR } from '../store/disk-error.ts';
import { bundleKey } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { TileReader } from './tile-reader.ts';
import type { TreeState } from './tree-state.ts';

export interface TreeCheckDeps {
  readonly clock: Clock;
  readonly hasher: TreeHasher;
  readonly store: Store;
  readonly tiles: TileReader;
}

/**
 * Re-hashes the full bundles from `fromEntry` on against their tiles, those tiles and every one of level 1 and above
 * from its leaves, and compares each with its parent, up to the root that the caller has checked. Gives way to other work after each bundle.
 * @throws TlogError data_damaged naming the first difference, storage_corrupt
 */
export async function checkTree(deps: TreeCheckDeps, state: TreeState, fromEntry: number): Promise<void> {
  let level = 1;
  for (let span = TILE_WIDTH * TILE_WIDTH; span <= state.size; span *= TILE_WIDTH) {
    for (let index = 0; index < Math.floor(state.size / span); index += 1)
      await checkParent(deps, state, level, index);
    level += 1;
  }
  const full = Math.floor(state.size / TILE_WIDTH);
  for (let bundle = Math.floor(fromEntry / TILE_WIDTH); bundle < full; bundle += 1) {
    await checkBundle(deps, bundle);
    await checkParent(deps, state, 0, bundle);
    if (bundle % 16 === 0) await deps.clock.nextTurn();
  }
}

async function checkBundle({ hasher, store, tiles }: TreeCheckDeps, bundle: number): Promise<void> {
  const key = bundleKey(bundle);
  const stored = await store.get(key);
  if (stored === undefined) throw damaged(`entry bundle ${bundle} is missing`);
  const leaves = (await tiles.readTile(0, bundle)).leaves(TILE_WIDTH);
  const entries = decodedRow(key, stored, (value) => decodeBundle(value, { count: TILE_WIDTH }));
  entries.forEach((entry, i) => {
    const leaf = leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
    if (!equalBytes(hasher.leafHash(entry), leaf))
      throw damaged(`entry ${bundle * TILE_WIDTH + i} does not match its leaf hash`);
  });
}

async function checkParent(
  { hasher, tiles }: TreeCheckDeps,
  state: TreeState,
  level: number,
  index: number,
): Promise<void> {
  const tile = await tiles.readTile(level, index);
  // The inner hashes that are stored beside the leaves are believed by readers. They may be what a commit's own check
  // has refused: a bit that turned while they were made is in the root of that commit too, and in every tile above.
  const rehashed = TileNodes.fromLeaves(hasher, tile.leaves(TILE_WIDTH));
  if (!equalBytes(rehashed.kept(), tile.kept()))
    throw damaged(`the inner hashes of tile ${level}/${index} do not follow from its leaves`);
  const [inParent] = await tiles.readNodes(state.edge, [{ level: (level + 1) * 8, index }]);
  if (!equalBytes(rehashed.node(8, 0), inParent as Hash))
    throw damaged(`tile ${level}/${index} does not match the tile above it`);
}

function damaged(what: string): TlogError {
  return new TlogError('data_damaged', `${what}; ${REPAIR}`);
}
