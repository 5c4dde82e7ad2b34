import { equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { type Edge, edgeNode } from '../core/tile/edge.ts';
import { TILE_HEIGHT, TILE_WIDTH, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { Damage } from '../sequencer/finding.ts';
import { tileKey } from '../store/rows.ts';
import type { DamagedRow, RowReader } from './row-reader.ts';

/** Heights whose nodes a row may carry beside its hashes. */
const KEPT_HEIGHTS = [3, 4, 6];

/** A tile that leads to the edge of the tree, or what is wrong with it. Neither, when nothing above it can be trusted. */
export interface TileVerdict {
  readonly nodes?: TileNodes;
  readonly damage?: Damage;
}

/**
 * Full tiles from their rows, each compared with the tile above it, up to the edge of the tree that is in memory. Keeps
 * one tile a level, so ascending reads hash each tile once.
 */
export class VerifiedTiles {
  readonly #hasher: TreeHasher;
  readonly #rows: RowReader;
  readonly #edge: () => Edge;
  readonly #kept: { readonly index: number; readonly nodes: TileNodes }[] = [];

  constructor(hasher: TreeHasher, rows: RowReader, edge: () => Edge) {
    this.#hasher = hasher;
    this.#rows = rows;
    this.#edge = edge;
  }

  /** Hash number `index` of a tile level: a leaf, or the root of a full tile one level below. Undefined where nothing proves it. */
  hash(level: number, index: number): Promise<Hash | undefined> {
    return this.node({ level: level * TILE_HEIGHT, index });
  }

  /** Hash of a complete subtree. Undefined where nothing proves it. */
  async node(node: NodeId): Promise<Hash | undefined> {
    const inEdge = edgeNode(this.#edge(), node);
    if (inEdge !== undefined) return inEdge;
    const { tile, height, offset } = tileOfNode(node);
    const kept = this.#kept[tile.level];
    const nodes = kept?.index === tile.index ? kept.nodes : (await this.check(tile.level, tile.index)).nodes;
    return nodes?.node(height, offset);
  }

  /** A full tile, read anew. */
  async check(level: number, index: number): Promise<TileVerdict> {
    const expected = await this.hash(level + 1, index);
    const key = tileKey(level, index);
    const row = await this.#rows.read(key);
    if ('damage' in row) return { damage: this.#compared(row, expected) };
    const nodes = tileOf(this.#hasher, row.value);
    const name = `tile ${level}/${index}`;
    if (nodes === undefined)
      return {
        damage: { row: key, message: `the hashes inside the row of ${name} are not those of the tile` },
      };
    if (expected === undefined) return {};
    const actual = nodes.node(TILE_HEIGHT, 0);
    if (!equalBytes(actual, expected)) {
      const hashes = { expected: formatHex(expected), actual: formatHex(actual) };
      return { damage: { row: key, message: `${name} does not match the tile above it`, ...hashes } };
    }
    this.#kept[level] = { index, nodes };
    return { nodes };
  }

  /** The damage of a row with the hash that its tile must have, and the one of the hashes that are there. */
  #compared({ damage, found }: DamagedRow, expected: Hash | undefined): Damage {
    const tile = found && TileNodes.fromStored(this.#hasher, found);
    if (tile === undefined || expected === undefined) return damage;
    const actual = TileNodes.fromLeaves(this.#hasher, tile.leaves(TILE_WIDTH).slice()).node(TILE_HEIGHT, 0);
    return { ...damage, expected: formatHex(expected), actual: formatHex(actual) };
  }
}

/** The tile of a row, whose inner hashes are made anew and compared; undefined unless all are right. */
export function tileOf(hasher: TreeHasher, row: Uint8Array): TileNodes | undefined {
  const stored = TileNodes.fromStored(hasher, row);
  if (stored === undefined) return undefined;
  const nodes = TileNodes.fromLeaves(hasher, stored.leaves(TILE_WIDTH).slice());
  for (const height of KEPT_HEIGHTS)
    for (let offset = 0; offset < TILE_WIDTH / 2 ** height; offset += 1)
      if (!equalBytes(stored.node(height, offset), nodes.node(height, offset))) return undefined;
  return nodes;
}
