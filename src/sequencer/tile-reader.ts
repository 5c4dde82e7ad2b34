import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import type { NodeAtHand } from '../core/merkle/proof-paths.ts';
import { type Edge, edgeNode } from '../core/tile/edge.ts';
import { TILE_WIDTH, type TilePlace, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { LeafIndex } from '../core/units.ts';
import { andThen, type Now } from '../runtime/now.ts';
import { corruptRow } from '../store/corrupt-row.ts';
import { tileKey } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { type TileCache, TileMemory } from './tile-memory.ts';

/** Levels of tiles that a tree of 2^53 leaves has at most. */
const LEVELS = 7;

/** Tiles by the number of their place. */
type Tiles = ReadonlyMap<number, TileNodes>;

/** Full tiles, from a cache and the store. Tiles never change, so the cache needs no care. */
export class TileReader {
  readonly #store: Store;
  readonly #hasher: TreeHasher;
  readonly #cache: TileCache;

  /** @param memory room that it shares with the other logs of the process; by default its own */
  constructor(store: Store, hasher: TreeHasher, memory: TileMemory = new TileMemory()) {
    this.#store = store;
    this.#hasher = hasher;
    this.#cache = memory.cache();
  }

  /** Puts a tile that was just sealed where readers find it. */
  remember(level: number, index: number, nodes: TileNodes): void {
    this.#cache.set(numberOf({ level, index }), nodes);
  }

  /** Lets go of what is in memory: it may have been read from rows that turned out to be wrong. */
  forget(): void {
    this.#cache.clear();
  }

  /**
   * Hashes of complete subtrees, in the order asked: from the edge, from cached tiles, and at most one batched
   * read for the rest. @throws TlogError storage_corrupt when a full tile is missing or fails its check
   */
  readNodes(edge: Edge, nodes: readonly NodeId[]): Now<readonly Hash[]> {
    const found = nodes.map((node) => edgeNode(edge, node) ?? this.#cachedNode(node));
    const missing = nodes.filter((_, i) => found[i] === undefined).map((node) => tileOfNode(node).tile);
    if (missing.length === 0) return found as Hash[];
    return andThen(this.#readTiles(missing), (tiles) =>
      nodes.map((node, i) => found[i] ?? nodeIn(tiles, node)),
    );
  }

  /**
   * Everything that an inclusion proof of a leaf needs in the tree of the edge: the tiles on its way to the root,
   * cached or by one batched read, and the edge. @throws TlogError storage_corrupt
   */
  nodesOnPath(edge: Edge, index: LeafIndex): Now<NodeAtHand> {
    const way: (TileNodes | undefined)[] = [];
    const missing: TilePlace[] = [];
    for (const place of fullTilesAbove(edge, index)) {
      const tile = this.#cache.get(numberOf(place));
      way.push(tile);
      if (tile === undefined) missing.push(place);
    }
    const reader = (read: Tiles): NodeAtHand => {
      const tiles = way.map((tile, level) => tile ?? read.get(numberOf(placeAbove(level, index))));
      return (node) => nodeOnWay(tiles, index, node) ?? edgeNode(edge, node);
    };
    return missing.length === 0 ? reader(NO_TILES) : andThen(this.#readTiles(missing), reader);
  }

  /** A full tile. @throws TlogError storage_corrupt */
  readTile(level: number, index: number): Now<TileNodes> {
    const number = numberOf({ level, index });
    const cached = this.#cache.get(number);
    if (cached !== undefined) return cached;
    return andThen(this.#readTiles([{ level, index }]), (tiles) => tiles.get(number) as TileNodes);
  }

  #cachedNode(node: NodeId): Hash | undefined {
    const { tile, height, offset } = tileOfNode(node);
    return this.#cache.get(numberOf(tile))?.node(height, offset);
  }

  #readTiles(places: readonly TilePlace[]): Now<Tiles> {
    const wanted = [...new Map(places.map((place) => [numberOf(place), place])).entries()];
    const stored = this.#store.getMany(wanted.map(([, { level, index }]) => tileKey(level, index)));
    return andThen(
      stored,
      (values) => new Map(wanted.map(([number, place], i) => [number, this.#decode(place, values[i])])),
    );
  }

  #decode(place: TilePlace, stored: Uint8Array | undefined): TileNodes {
    const key = tileKey(place.level, place.index);
    if (stored === undefined) throw corruptRow(key, 'is missing');
    const nodes = TileNodes.fromStored(this.#hasher, stored);
    if (nodes === undefined) throw corruptRow(key, `is of ${stored.length} bytes, as no tile is`);
    this.#cache.set(numberOf(place), nodes);
    return nodes;
  }
}

const NO_TILES: Tiles = new Map();

/** A tile's place as one number: levels are below 7 and indexes below 2^45, so below 2^48. */
function numberOf({ level, index }: TilePlace): number {
  return index * LEVELS + level;
}

function placeAbove(level: number, index: LeafIndex): TilePlace {
  return { level, index: Math.floor(index / TILE_WIDTH ** (level + 1)) };
}

/** The full tiles from a leaf up to the edge, level 0 first; above them its way goes through the edge. */
function fullTilesAbove(edge: Edge, index: LeafIndex): TilePlace[] {
  const places: TilePlace[] = [];
  for (let level = 0; ; level += 1) {
    const place = placeAbove(level, index);
    if (place.index >= Math.floor(edge.size / TILE_WIDTH ** (level + 1))) return places;
    places.push(place);
  }
}

function nodeOnWay(
  tiles: readonly (TileNodes | undefined)[],
  index: LeafIndex,
  node: NodeId,
): Hash | undefined {
  const { tile, height, offset } = tileOfNode(node);
  const nodes = tiles[tile.level];
  return nodes !== undefined && tile.index === placeAbove(tile.level, index).index
    ? nodes.node(height, offset)
    : undefined;
}

function nodeIn(tiles: Tiles, node: NodeId): Hash {
  const { tile, height, offset } = tileOfNode(node);
  return (tiles.get(numberOf(tile)) as TileNodes).node(height, offset);
}
