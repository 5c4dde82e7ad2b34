import { HASH_BYTES, type Hash, type TreeHasher } from '../merkle/hasher.ts';
import type { NodeId } from '../merkle/node.ts';
import { rootFromNodes, rootNodes } from '../merkle/root.ts';
import { type TreeSize, treeSize } from '../units.ts';
import { TILE_HEIGHT, TILE_WIDTH, tileOfNode } from './tile.ts';
import { TileNodes } from './tile-nodes.ts';

/** The right edge of a tree: the partial tile of each level, width 0 to 255. All that growth and the root need. */
export interface Edge {
  readonly size: TreeSize;
  /** Level 0 first. Level 0 is always there, level L above it once a tile below is full: size >= 256^L. */
  readonly tiles: readonly TileNodes[];
}

/** A tile that growth has made full. It never changes again. */
export interface SealedTile {
  readonly level: number;
  readonly index: number;
  readonly nodes: TileNodes;
}

/** Edge of the empty tree. */
export function emptyEdge(hasher: TreeHasher): Edge {
  return { size: treeSize(0), tiles: [TileNodes.empty(hasher)] };
}

/**
 * The edge with more leaves, and the tiles that are full now, by level and index. The given edge stays as it is.
 * @throws RangeError for a leaf hash that has not 32 bytes
 */
export function growEdge(
  hasher: TreeHasher,
  edge: Edge,
  leafHashes: readonly Hash[],
): { edge: Edge; sealed: SealedTile[] } {
  const tiles = [...edge.tiles];
  const sealed: SealedTile[] = [];
  let added = leafHashes;
  for (let level = 0; added.length > 0; level += 1) {
    const firstIndex = Math.floor(edge.size / TILE_WIDTH ** (level + 1));
    const partial = tiles[level] ?? TileNodes.empty(hasher);
    const { open, full } = fillTiles(hasher, partial, added);
    tiles[level] = open;
    sealed.push(...full.map((nodes, i) => ({ level, index: firstIndex + i, nodes })));
    added = full.map((nodes) => nodes.node(TILE_HEIGHT, 0));
  }
  return { edge: { size: treeSize(edge.size + leafHashes.length), tiles }, sealed };
}

/** Hash of a complete subtree if it lies in the edge, else undefined. A view: nobody may write to it. */
export function edgeNode(edge: Edge, node: NodeId): Hash | undefined {
  const { tile, height, offset } = tileOfNode(node);
  const nodes = edge.tiles[tile.level];
  if (nodes === undefined || tile.index !== Math.floor(edge.size / TILE_WIDTH ** (tile.level + 1)))
    return undefined;
  return (offset + 1) * 2 ** height <= nodes.width ? nodes.node(height, offset) : undefined;
}

/** Root hash of the edge's tree, in fresh memory. No reads: every node of it lies in the edge. */
export function edgeRoot(hasher: TreeHasher, edge: Edge): Hash {
  const hashes = rootNodes(edge.size).map((node) => {
    const hash = edgeNode(edge, node);
    if (hash === undefined)
      throw new RangeError(`the edge of size ${edge.size} lacks node ${node.level}/${node.index}`);
    return hash;
  });
  return rootFromNodes(hasher, edge.size, hashes).slice();
}

function fillTiles(
  hasher: TreeHasher,
  first: TileNodes,
  added: readonly Hash[],
): { open: TileNodes; full: TileNodes[] } {
  const bytes = joined(added);
  const full: TileNodes[] = [];
  let open = first;
  for (let at = 0; at < added.length; ) {
    const count = Math.min(TILE_WIDTH - open.width, added.length - at);
    open = open.extended(bytes, at, count);
    at += count;
    if (open.width < TILE_WIDTH) continue;
    full.push(open);
    open = TileNodes.empty(hasher);
  }
  return { open, full };
}

function joined(hashes: readonly Hash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, i) => {
    if (hash.length !== HASH_BYTES) throw new RangeError(`a leaf hash of ${hash.length} bytes`);
    bytes.set(hash, i * HASH_BYTES);
  });
  return bytes;
}
