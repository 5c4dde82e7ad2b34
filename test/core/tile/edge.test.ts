import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/core/bytes.ts';
import { frontierNodes } from '../../../src/core/merkle/frontier.ts';
import { type Hash, portableHasher } from '../../../src/core/merkle/hasher.ts';
import {
  type Edge,
  edgeNode,
  edgeRoot,
  emptyEdge,
  growEdge,
  type SealedTile,
} from '../../../src/core/tile/edge.ts';
import { TileNodes } from '../../../src/core/tile/tile-nodes.ts';
import { treeSize } from '../../../src/core/units.ts';
import { hex, LARGE_SIZES, NaiveTree, randomFrom } from '../merkle/naive-tree.ts';
import { builtSizes, isBrief } from '../scale.ts';

const LEAVES = isBrief ? 600 : 70_000;
const tree = new NaiveTree(LEAVES);
const joined = (count: number): Uint8Array => new Uint8Array(Buffer.concat(tree.leafHashes(count) as Hash[]));

/** Grows by these cuts; gives the edge and all tiles sealed on the way. */
function growBy(cuts: readonly number[]): { edge: Edge; sealed: SealedTile[] } {
  let edge = emptyEdge(portableHasher);
  const sealed: SealedTile[] = [];
  for (const cut of cuts) {
    const grown = growEdge(portableHasher, edge, tree.leafHashes(cut).slice(edge.size));
    edge = grown.edge;
    sealed.push(...grown.sealed);
  }
  return { edge, sealed };
}

const shape = ({ edge, sealed }: { edge: Edge; sealed: SealedTile[] }): unknown => ({
  size: edge.size,
  open: edge.tiles.map((tile) => hex(tile.leaves(tile.width))),
  full: sealed.map((s) => `${s.level}/${s.index} ${hex(s.nodes.leaves(256))}`).sort(),
});

describe('TILE-6 the edge', () => {
  test.each(
    builtSizes([0, 1, 255, 256, 257, 300, 511, 512, 65_535, 65_536, 65_537, LEAVES]),
  )('size %i has every frontier node and the root', (size) => {
    const { edge } = growBy([size]);
    for (const node of frontierNodes(treeSize(size))) {
      const start = node.index * 2 ** node.level;
      expect(hex(edgeNode(edge, node) ?? new Uint8Array())).toBe(
        hex(tree.hash(start, start + 2 ** node.level)),
      );
    }
    expect(hex(edgeRoot(portableHasher, edge))).toBe(hex(tree.hash(0, size)));
  });
  test.each(LARGE_SIZES)('size %i has every frontier node, by widths alone', (size) => {
    const tiles: TileNodes[] = [];
    const hashes = new Uint8Array(255 * 32);
    for (let span = 1; span === 1 || span <= size; span *= 256) {
      tiles.push(
        TileNodes.fromLeaves(portableHasher, hashes.subarray(0, (Math.floor(size / span) % 256) * 32)),
      );
    }
    for (const node of frontierNodes(size)) expect(edgeNode({ size, tiles }, node)).toBeDefined();
  });
  test.each(isBrief ? [1] : [1, 2, 3])('random cuts give what one step gives, seed %i', (seed) => {
    const random = randomFrom(seed * 7_919);
    const cuts = Array.from({ length: 12 }, () => Math.floor(random() * LEAVES)).sort((a, b) => a - b);
    expect(shape(growBy(cuts))).toEqual(shape(growBy([cuts.at(-1) ?? 0])));
  });
  test('growth leaves the old edge as it was', () => {
    const { edge } = growBy([200]);
    const before = shape({ edge, sealed: [] });
    growEdge(portableHasher, edge, tree.leafHashes(600).slice(200));
    expect(shape({ edge, sealed: [] })).toEqual(before);
  });
  test('two growths of one edge, as after a failed commit, do not touch each other', () => {
    const { edge } = growBy([200]);
    const first = growEdge(portableHasher, edge, tree.leafHashes(250).slice(200));
    const before = [shape(first), hex(edgeRoot(portableHasher, first.edge))];
    const second = growEdge(portableHasher, edge, tree.leafHashes(50));
    expect([shape(first), hex(edgeRoot(portableHasher, first.edge))]).toEqual(before);
    const scratch = [...tree.leafHashes(200), ...tree.leafHashes(50)];
    const expected = edgeRoot(
      portableHasher,
      growEdge(portableHasher, emptyEdge(portableHasher), scratch).edge,
    );
    expect(hex(edgeRoot(portableHasher, second.edge))).toBe(hex(expected));
  });
  test('nodes elsewhere are not in it; an edge that is none is an own bug', () => {
    const { edge } = growBy([300]);
    expect(edgeNode(edge, { level: 0, index: 0 })).toBeUndefined();
    expect(edgeNode(edge, { level: 0, index: 300 })).toBeUndefined();
    expect(edgeNode(edge, { level: 16, index: 0 })).toBeUndefined();
    expect(() => edgeRoot(portableHasher, { size: treeSize(5), tiles: [] })).toThrow(RangeError);
    expect(() => growEdge(portableHasher, edge, [new Uint8Array(31)])).toThrow(RangeError);
  });
});

describe('TILE-7 the nodes of a tile', () => {
  test('of each height and offset, from leaves and as stored', () => {
    const fresh = TileNodes.fromLeaves(portableHasher, joined(256));
    const stored = TileNodes.fromStored(portableHasher, concatBytes(joined(256), fresh.kept()));
    const sixteen = Array.from({ length: 16 }, (_, offset) => fresh.node(4, offset));
    const before = TileNodes.fromStored(portableHasher, concatBytes(joined(256), ...sixteen));
    for (let height = 8; height >= 0; height -= 1) {
      for (let offset = 0; offset < 256 / 2 ** height; offset += 1) {
        const naive = hex(tree.hash(offset * 2 ** height, (offset + 1) * 2 ** height));
        const made = [fresh, stored, before].map((tile) => tile && hex(tile.node(height, offset)));
        expect(made).toEqual([naive, naive, naive]);
      }
    }
  });
  test('a stored tile that is asked again and again hashes each node once', () => {
    let hashes = 0;
    const nodeHash = (left: Hash, right: Hash): Hash => {
      hashes += 1;
      return portableHasher.nodeHash(left, right);
    };
    const fresh = TileNodes.fromLeaves(portableHasher, joined(256));
    const row = concatBytes(joined(256), fresh.kept());
    const stored = TileNodes.fromStored({ ...portableHasher, nodeHash }, row);
    const perProof = Array.from({ length: 6 }, () => {
      hashes = 0;
      for (let height = 0; height < 8; height += 1)
        expect(stored?.node(height, 1)).toEqual(fresh.node(height, 1));
      return hashes;
    });
    expect([perProof[0], perProof.at(-1)]).toEqual([9, 0]);
  });
  test.each([
    [0, false],
    [1_152, false],
    [8_192, false],
    [8_192 + 511, false],
    [8_192 + 512, true],
    [8_192 + 513, false],
    [8_192 + 1_151, false],
    [8_192 + 1_152, true],
    [8_192 + 1_153, false],
  ])('a stored tile of %i bytes: %s', (length, isTile) => {
    const stored = TileNodes.fromStored(portableHasher, new Uint8Array(length));
    expect(stored?.width).toBe(isTile ? 256 : undefined);
  });

  test('a partial tile keeps no inner hashes, and gives only complete subtrees', () => {
    const tile = TileNodes.fromLeaves(portableHasher, joined(70));
    const [before, whole] = [tile.node(6, 0), TileNodes.fromLeaves(portableHasher, joined(80))];
    const longer = tile.extended(joined(80), 70, 10);
    expect([longer.width, tile.width, longer.node(6, 0), tile.node(6, 0)]).toEqual([80, 70, before, before]);
    expect(longer.node(4, 4)).toEqual(whole.node(4, 4));
    expect(tile.width).toBe(70);
    expect(() => tile.kept()).toThrow(RangeError);
    for (const [height, offset] of [
      [0, 70],
      [1, 35],
      [6, 1],
      [8, 0],
      [9, 0],
      [-1, 0],
      [0, -1],
      [0.5, 0],
      [0, 0.5],
    ] as const) {
      expect(() => tile.node(height, offset)).toThrow(RangeError);
    }
    for (const width of [71, -1, 1.5]) expect(() => tile.leaves(width)).toThrow(RangeError);
    expect(() => TileNodes.fromLeaves(portableHasher, new Uint8Array(33))).toThrow(RangeError);
    expect(() => tile.extended(joined(2), 1, 2)).toThrow(RangeError);
    expect(() => tile.extended(joined(256), 0, 187)).toThrow(RangeError);
    expect(() => tile.extended(joined(2), -1, 1)).toThrow(RangeError);
    expect(() => tile.extended(joined(2), 0, -1)).toThrow(RangeError);
  });
});
