import { LRUCache } from 'lru-cache';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { HASH_BYTES } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { type Edge, edgeNode } from '../core/tile/edge.ts';
import { TILE_WIDTH, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import { tileKey } from '../store/rows.ts';
import type { Store } from '../store/store.ts';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** Full tiles kept in memory: 17 KiB each, so 34 MiB. */
const CACHED_TILES = 2_048;

/** Full tiles, from a cache and the store. Tiles never change, so the cache needs no care. */
export class TileReader {
  readonly #store: Store;
  readonly #hasher: TreeHasher;
  readonly #cache = new LRUCache<string, TileNodes>({ max: CACHED_TILES });

  constructor(store: Store, hasher: TreeHasher) {
    this.#store = store;
    this.#hasher = hasher;
  }

  /** Puts a tile that was just sealed where readers find it. */
  remember(level: number, index: number, nodes: TileNodes): void {
    this.#cache.set(cacheKey(level, index), nodes);
  }

  /**
   * Hashes of complete subtrees, in the order asked: from the edge, from cached tiles, and at most one batched
   * read for the rest. @throws TlogError storage_corrupt when a full tile is missing or fails its check
   */
  readNodes(edge: Edge, nodes: readonly NodeId[]): readonly Hash[] | Promise<readonly Hash[]> {
    const found = nodes.map((node) => this.nodeAtHand(edge, node));
    const missing = nodes.filter((_, i) => found[i] === undefined).map((node) => tileOfNode(node).tile);
    if (missing.length === 0) return found as Hash[];
    const read = this.#readTiles(missing);
    const finish = (tiles: ReadonlyMap<string, TileNodes>): Hash[] =>
      nodes.map((node, i) => found[i] ?? nodeIn(tiles, node));
    return read instanceof Promise ? read.then(finish) : finish(read);
  }

  /** A full tile. @throws TlogError storage_corrupt */
  readTile(level: number, index: number): TileNodes | Promise<TileNodes> {
    const key = cacheKey(level, index);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const read = this.#readTiles([{ level, index }]);
    const finish = (tiles: ReadonlyMap<string, TileNodes>): TileNodes => tiles.get(key) as TileNodes;
    return read instanceof Promise ? read.then(finish) : finish(read);
  }

  /** Hash of a complete subtree if it is in the edge or a cached tile. */
  nodeAtHand(edge: Edge, node: NodeId): Hash | undefined {
    const inEdge = edgeNode(edge, node);
    if (inEdge !== undefined) return inEdge;
    const { tile, height, offset } = tileOfNode(node);
    return this.#cache.get(cacheKey(tile.level, tile.index))?.node(height, offset);
  }

  #readTiles(
    ids: readonly { readonly level: number; readonly index: number }[],
  ): ReadonlyMap<string, TileNodes> | Promise<ReadonlyMap<string, TileNodes>> {
    const wanted = new Map(ids.map((id) => [cacheKey(id.level, id.index), id]));
    const list = [...wanted.entries()];
    const stored = this.#store.getMany(list.map(([, id]) => tileKey(id.level, id.index)));
    const finish = (values: readonly (Uint8Array | undefined)[]): ReadonlyMap<string, TileNodes> =>
      new Map(list.map(([key, id], i) => [key, this.#decode(key, id, values[i])]));
    return stored instanceof Promise ? stored.then(finish) : finish(stored);
  }

  #decode(
    key: string,
    id: { readonly level: number; readonly index: number },
    stored: Uint8Array | undefined,
  ): TileNodes {
    if (stored === undefined) {
      throw new TlogError(
        'storage_corrupt',
        `tile ${id.level}/${id.index} is missing; run stele fsck, then restore it`,
      );
    }
    const nodes = TileNodes.fromStored(
      this.#hasher,
      stored.subarray(0, TILE_BYTES),
      stored.subarray(TILE_BYTES),
    );
    this.#cache.set(key, nodes);
    return nodes;
  }
}

function cacheKey(level: number, index: number): string {
  return `${level}/${index}`;
}

function nodeIn(tiles: ReadonlyMap<string, TileNodes>, node: NodeId): Hash {
  const { tile, height, offset } = tileOfNode(node);
  const nodes = tiles.get(cacheKey(tile.level, tile.index));
  if (nodes === undefined) throw new RangeError(`tile of node ${node.level}/${node.index} was not read`);
  return nodes.node(height, offset);
}
