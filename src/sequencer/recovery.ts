import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { type Frontier, frontierNodes } from '../core/merkle/frontier.ts';
import { HASH_BYTES, type Hash, type TreeHasher } from '../core/merkle/hasher.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { type Edge, edgeNode } from '../core/tile/edge.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { TreeSize } from '../core/units.ts';
import { corruptRow, decodedRow } from '../store/corrupt-row.ts';
import { REPAIR } from '../store/disk-error.ts';
import type { GuardMark } from '../store/guard.ts';
import { decodeState, edgeRange, edgeStart, encodeState, STATE_KEY } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { TileReader } from './tile-reader.ts';
import type { TreeState } from './tree-state.ts';

/** Value of the marker row after a clean stop: it names the size, so that a stale one means nothing. */
export function encodeCleanStop(size: TreeSize): Uint8Array {
  return encodeState({ size, rootHash: new Uint8Array(HASH_BYTES), committedAtMs: 0, keptEnd: 0 });
}

/** Whether the last process stopped in good order at this size. */
export function isCleanStop(marker: Uint8Array | undefined, size: TreeSize): boolean {
  return marker !== undefined && equalBytes(marker, encodeCleanStop(size));
}

/**
 * The tree that a database holds, rebuilt from full tiles and edge records, with its root recomputed.
 * @throws TlogError data_damaged, storage_corrupt
 */
export async function loadTree(hasher: TreeHasher, store: Store, tiles: TileReader): Promise<TreeState> {
  const row = await store.get(STATE_KEY);
  if (row === undefined) throw damaged('the database holds no state; it lost its tables');
  const state = decodedRow(STATE_KEY, row, decodeState);
  const { openEntries, edgeStarts } = await loadOpenEntries(store, state.size);
  const edge = await loadEdge(
    hasher,
    tiles,
    state.size,
    openEntries.map((entry) => hasher.leafHash(entry)),
  );
  const frontier = frontierOf(edge, state.size);
  const rootHash = rootFromNodes(hasher, state.size, frontier.hashes);
  if (!equalBytes(rootHash, state.rootHash))
    throw damaged(`the tree of size ${state.size} does not have its recorded root`);
  return { ...state, edge, frontier, openEntries, edgeStarts };
}

async function loadOpenEntries(
  store: Store,
  size: TreeSize,
): Promise<{ openEntries: Uint8Array[]; edgeStarts: number[] }> {
  const bundleStart = Math.floor(size / TILE_WIDTH) * TILE_WIDTH;
  const openEntries: Uint8Array[] = [];
  const edgeStarts: number[] = [];
  for await (const [key, value] of store.iterate(edgeRange(0, Number.MAX_SAFE_INTEGER))) {
    const start = edgeStart(key);
    if (start !== bundleStart + openEntries.length)
      throw damaged(`entries are missing before index ${start}`);
    const entries = decodedRow(key, value, decodeBundle);
    if (entries.length === 0) throw corruptRow(key, 'holds no entry');
    openEntries.push(...entries.map((entry) => entry.slice()));
    edgeStarts.push(start);
  }
  if (bundleStart + openEntries.length !== size) {
    throw damaged(`the state says ${size} entries, the records end at ${bundleStart + openEntries.length}`);
  }
  return { openEntries, edgeStarts };
}

async function loadEdge(
  hasher: TreeHasher,
  tiles: TileReader,
  size: TreeSize,
  openLeaves: readonly Hash[],
): Promise<Edge> {
  const levels = [tileOf(hasher, openLeaves)];
  for (let span = TILE_WIDTH; span <= size; span *= TILE_WIDTH) {
    const full = Math.floor(size / span);
    const base = Math.floor(full / TILE_WIDTH) * TILE_WIDTH;
    const roots: Hash[] = [];
    for (let index = base; index < full; index += 1) {
      roots.push((await tiles.readTile(levels.length - 1, index)).node(8, 0));
    }
    levels.push(tileOf(hasher, roots));
  }
  return { size, tiles: levels };
}

function tileOf(hasher: TreeHasher, hashes: readonly Hash[]): TileNodes {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  for (const [i, hash] of hashes.entries()) bytes.set(hash, i * HASH_BYTES);
  return TileNodes.fromLeaves(hasher, bytes);
}

function frontierOf(edge: Edge, size: TreeSize): Frontier {
  // Every node of a frontier lies in the edge of the same size.
  return { size, hashes: frontierNodes(size).map((node) => edgeNode(edge, node) as Hash) };
}

/**
 * Refuses a database that is older than, or another history than, what was signed last.
 * @throws TlogError guard_ahead (with both sizes), guard_conflict
 */
export async function checkAgainstGuard(
  hasher: TreeHasher,
  tiles: TileReader,
  state: TreeState,
  mark: GuardMark,
): Promise<void> {
  const sizes = { dataSize: state.size, guardSize: mark.size };
  if (state.size < mark.size) {
    const message = `the data holds ${state.size} entries, but size ${mark.size} was signed: this is an old or damaged copy. Restore a newer one`;
    throw new TlogError('guard_ahead', message, { details: sizes });
  }
  const root = rootFromNodes(hasher, mark.size, await tiles.readNodes(state.edge, rootNodes(mark.size)));
  if (equalBytes(root, mark.rootHash)) return;
  const message = `data (size ${state.size}) and guard (size ${mark.size}) hold different histories: keep both, and find out which one is real`;
  throw new TlogError('guard_conflict', message, { details: sizes });
}

function damaged(what: string): TlogError {
  return new TlogError('data_damaged', `${what}; ${REPAIR}`);
}
