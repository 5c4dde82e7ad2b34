import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { type Edge, edgeRoot } from '../core/tile/edge.ts';
import { TILE_HEIGHT, TILE_WIDTH, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { TreeSize } from '../core/units.ts';
import type { TileCalls } from './tile-calls.ts';

/** What tiles are checked against: one verified checkpoint. */
export interface TreeHead {
  readonly size: TreeSize;
  readonly rootHash: Hash;
}

interface KeptTile {
  readonly index: number;
  readonly nodes: TileNodes;
}

/**
 * The tree of one checkpoint, read from tiles. The right edge is checked against the root hash, every other tile
 * against the tile above it. Keeps one tile a level, at most 8 of 16 KiB: meant for ascending reads.
 */
export class TileTree {
  readonly #hasher: TreeHasher;
  readonly #tiles: TileCalls;
  readonly #edge: Edge;
  /** The full tile read last, by level. */
  readonly #kept: KeptTile[] = [];

  private constructor(hasher: TreeHasher, tiles: TileCalls, edge: Edge) {
    this.#hasher = hasher;
    this.#tiles = tiles;
    this.#edge = edge;
  }

  /** The tree once its edge is read and verified. @throws TlogError proof_mismatch, malformed_answer, not_found, unreachable */
  static async open(hasher: TreeHasher, tiles: TileCalls, head: TreeHead): Promise<TileTree> {
    const edge = { size: head.size, tiles: await Promise.all(readEdge(hasher, tiles, head.size)) };
    if (!equalBytes(edgeRoot(hasher, edge), head.rootHash)) {
      throw new TlogError(
        'proof_mismatch',
        `the tiles at the edge do not lead to the root hash of size ${head.size}`,
      );
    }
    return new TileTree(hasher, tiles, edge);
  }

  /**
   * Accepts iff these are the leaf hashes of entry bundle `index`, all that the tree has of it. What it hashes of them stays with them.
   * @throws TlogError entry_mismatch, and as `open`
   */
  async checkLeaves(index: number, leaves: TileNodes): Promise<void> {
    const isFull = leaves.width === TILE_WIDTH;
    const holds = isFull
      ? equalBytes(leaves.node(TILE_HEIGHT, 0), await this.#hash(1, index))
      : equalBytes(leaves.leaves(leaves.width), this.#edgeLeaves(index));
    if (holds) return;
    const place = `bundle ${index}`;
    throw new TlogError('entry_mismatch', `the entries of ${place} are not those of the signed tree`, {
      details: { place },
    });
  }

  /**
   * The hash of a complete subtree, a view of memory that nobody may write to.
   * @throws RangeError for one that the tree does not have; TlogError as `open`
   */
  async node(node: NodeId): Promise<Hash> {
    const { tile, height, offset } = tileOfNode(node);
    return (await this.#tile(tile.level, tile.index)).node(height, offset);
  }

  #edgeLeaves(index: number): Uint8Array {
    if (index !== Math.floor(this.#edge.size / TILE_WIDTH)) return new Uint8Array(0);
    const nodes = this.#edge.tiles[0];
    return nodes === undefined ? new Uint8Array(0) : nodes.leaves(nodes.width);
  }

  /** The hash number `index` of a tile level: a leaf, or the root of the full tile number `index` one level below. */
  async #hash(level: number, index: number): Promise<Hash> {
    const nodes = await this.#tile(level, Math.floor(index / TILE_WIDTH));
    return nodes.node(0, index % TILE_WIDTH);
  }

  async #tile(level: number, index: number): Promise<TileNodes> {
    const edge = this.#edge.tiles[level];
    if (edge === undefined)
      throw new RangeError(`no tile level ${level} in a tree of size ${this.#edge.size}`);
    if (index === Math.floor(this.#edge.size / TILE_WIDTH ** (level + 1))) return edge;
    const kept = this.#kept[level];
    if (kept?.index === index) return kept.nodes;
    const nodes = await readTile(this.#hasher, this.#tiles, { level, index, width: TILE_WIDTH });
    if (!equalBytes(nodes.node(TILE_HEIGHT, 0), await this.#hash(level + 1, index))) {
      const place = `tile ${level}/${index}`;
      throw new TlogError('proof_mismatch', `${place} is not that of the signed tree`, {
        details: { place },
      });
    }
    this.#kept[level] = { index, nodes };
    return nodes;
  }
}

/** The partial tile of each level; level 0 is always there. */
function readEdge(hasher: TreeHasher, tiles: TileCalls, size: TreeSize): Promise<TileNodes>[] {
  const levels: Promise<TileNodes>[] = [];
  for (let [level, count] = [0, size as number]; level === 0 || count > 0; level += 1) {
    const width = count % TILE_WIDTH;
    const index = Math.floor(count / TILE_WIDTH);
    levels.push(
      width === 0
        ? Promise.resolve(TileNodes.empty(hasher))
        : readTile(hasher, tiles, { level, index, width }),
    );
    count = index;
  }
  return levels;
}

async function readTile(
  hasher: TreeHasher,
  tiles: TileCalls,
  tile: { readonly level: number; readonly index: number; readonly width: number },
): Promise<TileNodes> {
  const hashes = await tiles.tile(tile);
  if (hashes === undefined) {
    const place = `tile ${tile.level}/${tile.index}`;
    throw new TlogError('not_found', `the log lacks ${place} of a tree that it signed`, {
      details: { place },
    });
  }
  return TileNodes.fromLeaves(hasher, hashes);
}
