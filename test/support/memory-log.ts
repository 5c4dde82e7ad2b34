import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { encodeBundle } from '../../src/core/tile/bundle.ts';
import { type Edge, edgeRoot, emptyEdge, growEdge } from '../../src/core/tile/edge.ts';
import { isTileInTree, TILE_WIDTH, type TileId } from '../../src/core/tile/tile.ts';
import { type TreeSize, treeSize } from '../../src/core/units.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';

/** Entries `entry 0`, `entry 1`, … held in memory, readable as a log; heads are kept at the given sizes. */
export class MemoryLog {
  readonly entries: Uint8Array[];
  readonly heads: SignedHead[] = [];
  readonly findings: readonly never[] = [];
  readonly vkeys: readonly string[] = ['memory.example+00000000+AQ=='];
  readonly #tiles = new Map<string, Uint8Array>();

  constructor(size: number, kept: readonly number[] = []) {
    this.entries = Array.from({ length: size }, (_, i) => new TextEncoder().encode(`entry ${i}`));
    let edge = emptyEdge(portableHasher);
    for (const end of [...new Set([...kept, size])].sort((a, b) => a - b)) {
      edge = this.#grow(edge, end);
      const rootHash = edgeRoot(portableHasher, edge);
      this.heads.push({ size: treeSize(end), rootHash, note: `note of size ${end}\n` });
    }
    for (const [level, nodes] of edge.tiles.entries()) {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      this.#tiles.set(`${level}/${index}`, nodes.leaves(nodes.width).slice());
    }
  }

  #grow(edge: Edge, end: number): Edge {
    const hashes = this.entries.slice(edge.size, end).map((entry) => portableHasher.leafHash(entry));
    const grown = growEdge(portableHasher, edge, hashes);
    for (const { level, index, nodes } of grown.sealed)
      this.#tiles.set(`${level}/${index}`, nodes.leaves(nodes.width).slice());
    return grown.edge;
  }

  get head(): SignedHead {
    return this.heads.at(-1) as SignedHead;
  }

  get publishedHead(): SignedHead {
    return this.head;
  }

  /** Refuses nothing. */
  admit(): void {}

  /** The stored bytes of a tile, for tests that spoil them. */
  tileBytes(level: number, index: number): Uint8Array {
    return this.#tiles.get(`${level}/${index}`) as Uint8Array;
  }

  readTile(tile: TileId): Uint8Array | undefined {
    if (!isTileInTree(tile, this.head.size)) return undefined;
    return this.tileBytes(tile.level, tile.index).subarray(0, tile.width * 32);
  }

  readBundle({ index, width }: { readonly index: number; readonly width: number }): Uint8Array | undefined {
    const start = index * TILE_WIDTH;
    return start + width > this.head.size
      ? undefined
      : encodeBundle(this.entries.slice(start, start + width));
  }

  async keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]> {
    return this.heads.filter(({ size }) => size >= from).slice(0, limit);
  }
}
