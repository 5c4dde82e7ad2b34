import { concatBytes, equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import { type Edge, edgeNode, edgeRoot } from '../core/tile/edge.ts';
import { TILE_HEIGHT, TILE_WIDTH, type TileId, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { TreeSize } from '../core/units.ts';
import { decoded } from './stored-tree.ts';
import type { TreeSource } from './tree-source.ts';

/** What a tree is proven by: the size and root of a head that the log has signed. */
export interface ProvenHead {
  readonly size: TreeSize;
  readonly rootHash: Hash;
}

/** Entries whose leaf hashes are those of the tree, with these hashes. */
export interface ProvenBundle {
  readonly entries: readonly Uint8Array[];
  readonly hashes: readonly Hash[];
}

/**
 * The tree of one signed head, put together from sources of which none is believed: the edge has to lead to the signed
 * root, every full tile to the tile above it, every bundle to its tile. Keeps one tile a level.
 */
export class ProvenTree {
  readonly edge: Edge;
  readonly #hasher: TreeHasher;
  readonly #sources: readonly TreeSource[];
  readonly #kept: { readonly index: number; readonly nodes: TileNodes | undefined }[] = [];

  #keptBundle: { readonly index: number; readonly bundle: ProvenBundle | undefined } | undefined;

  private constructor(hasher: TreeHasher, sources: readonly TreeSource[], edge: Edge) {
    this.#hasher = hasher;
    this.#sources = sources;
    this.edge = edge;
  }

  /** @throws TlogError data_damaged when no edge that the sources have leads to the root of the head */
  static async open(
    hasher: TreeHasher,
    sources: readonly TreeSource[],
    head: ProvenHead,
  ): Promise<ProvenTree> {
    const places = edgePlaces(head.size);
    const levels = places.map(({ width }) => (width === 0 ? [TileNodes.empty(hasher)] : []));
    for (const source of sources) {
      for (const [level, place] of places.entries())
        await addCandidate(hasher, source, place, levels[level] ?? []);
      for (const tiles of combinations(levels)) {
        const edge = { size: head.size, tiles };
        if (equalBytes(edgeRoot(hasher, edge), head.rootHash)) return new ProvenTree(hasher, sources, edge);
      }
    }
    const message = `nothing here leads to the signed root of size ${head.size}: name a mirror or a backup of at least that size with --from`;
    throw new TlogError('data_damaged', message);
  }

  /** Hash of a complete subtree; undefined where no source proves it. */
  async node(node: NodeId): Promise<Hash | undefined> {
    const inEdge = edgeNode(this.edge, node);
    if (inEdge !== undefined) return inEdge;
    const { tile, height, offset } = tileOfNode(node);
    return (await this.tile(tile.level, tile.index))?.node(height, offset);
  }

  /** The root that the tree had at a size; undefined where no source proves it. */
  async rootAt(size: TreeSize): Promise<Hash | undefined> {
    const hashes: Hash[] = [];
    for (const node of rootNodes(size)) {
      const hash = await this.node(node);
      if (hash === undefined) return undefined;
      hashes.push(hash);
    }
    return rootFromNodes(this.#hasher, size, hashes);
  }

  /** A full tile; undefined when no source has the right one. */
  async tile(level: number, index: number): Promise<TileNodes | undefined> {
    const kept = this.#kept[level];
    if (kept?.index === index) return kept.nodes;
    const nodes = await this.#find(level, index);
    this.#kept[level] = { index, nodes };
    return nodes;
  }

  async #find(level: number, index: number): Promise<TileNodes | undefined> {
    const expected = await this.node({ level: (level + 1) * TILE_HEIGHT, index });
    if (expected === undefined) return undefined;
    for (const source of this.#sources) {
      const nodes = await tileFrom(this.#hasher, source, { level, index, width: TILE_WIDTH });
      if (nodes !== undefined && equalBytes(nodes.node(TILE_HEIGHT, 0), expected)) return nodes;
    }
    return undefined;
  }

  /** All that the tree has of a bundle; undefined when no source has the right entries. The last one is kept. */
  async bundle(index: number): Promise<ProvenBundle | undefined> {
    if (this.#keptBundle?.index !== index)
      this.#keptBundle = { index, bundle: await this.#findBundle(index) };
    return this.#keptBundle.bundle;
  }

  /** Entries [start, end) of the tree; undefined where one has no proof. */
  async entries(start: number, end: number): Promise<readonly Uint8Array[] | undefined> {
    const entries: Uint8Array[] = [];
    for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < end; index += 1) {
      const bundle = await this.bundle(index);
      if (bundle === undefined) return undefined;
      const base = index * TILE_WIDTH;
      entries.push(...bundle.entries.slice(Math.max(0, start - base), end - base));
    }
    return entries;
  }

  async #findBundle(index: number): Promise<ProvenBundle | undefined> {
    const width = Math.min(TILE_WIDTH, this.edge.size - index * TILE_WIDTH);
    const tile = width < TILE_WIDTH ? this.edge.tiles[0] : await this.tile(0, index);
    if (tile === undefined) return undefined;
    for (const source of this.#sources) {
      const bytes = await source.bundle({ index, width });
      const entries = bytes === undefined ? undefined : decoded(bytes, width);
      if (entries === undefined) continue;
      const hashes = entries.map((entry) => this.#hasher.leafHash(entry));
      if (equalBytes(concatBytes(...hashes), tile.leaves(width))) return { entries, hashes };
    }
    return undefined;
  }
}

async function tileFrom(
  hasher: TreeHasher,
  source: TreeSource,
  tile: TileId,
): Promise<TileNodes | undefined> {
  const hashes = await source.tile(tile);
  return hashes === undefined ? undefined : TileNodes.fromLeaves(hasher, hashes.slice());
}

/** The partial tile of each level of a tree, level 0 first; of width 0 where there is none. */
function edgePlaces(size: TreeSize): TileId[] {
  const places: TileId[] = [];
  for (let [level, count] = [0, size as number]; level === 0 || count > 0; level += 1) {
    places.push({ level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH });
    count = Math.floor(count / TILE_WIDTH);
  }
  return places;
}

/** Adds what a source has for one place of the edge, unless another source had the same. */
async function addCandidate(
  hasher: TreeHasher,
  source: TreeSource,
  tile: TileId,
  found: TileNodes[],
): Promise<void> {
  const nodes = tile.width === 0 ? undefined : await tileFrom(hasher, source, tile);
  const isSame = (one: TileNodes): boolean =>
    nodes !== undefined && equalBytes(one.leaves(tile.width), nodes.leaves(tile.width));
  if (nodes !== undefined && !found.some(isSame)) found.push(nodes);
}

/** One of each level, in every way; of four sources and seven levels at most 16,384. */
function* combinations(levels: readonly (readonly TileNodes[])[]): Generator<readonly TileNodes[]> {
  const [first, ...rest] = levels;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const tile of first) for (const others of combinations(rest)) yield [tile, ...others];
}
