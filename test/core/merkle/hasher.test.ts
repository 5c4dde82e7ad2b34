import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  appendLeaves,
  emptyFrontier,
  frontierNodes,
  frontierRoot,
} from '../../../src/core/merkle/frontier.ts';
import { type Hash, portableHasher } from '../../../src/core/merkle/hasher.ts';
import { foldRight } from '../../../src/core/merkle/node.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { rootFromNodes, rootNodes } from '../../../src/core/merkle/root.ts';
import { treeSize } from '../../../src/core/units.ts';
import { isBrief, WHOLE_TREES_TO } from '../scale.ts';
import {
  entryOf,
  hex,
  LARGE_SIZES,
  NaiveTree,
  rangeHash,
  rangeHasher,
  readRanges,
  readVectors,
  unhex,
} from './naive-tree.ts';

interface TreeVectors {
  empty_leaf_hash: string;
  empty_root: string;
  leaf_hashes_0_15: string[];
  node_example: { left: string; right: string; parent: string };
  roots: { n: number; root: string }[];
}
const vectors = readVectors<TreeVectors>('tree');

describe('TREE-1 hashes of entries and nodes', () => {
  test('an empty entry is not an empty tree', () => {
    expect(hex(portableHasher.leafHash(new Uint8Array(0)))).toBe(vectors.empty_leaf_hash);
    expect(hex(portableHasher.emptyRoot)).toBe(vectors.empty_root);
  });
  test('leaf hashes of the vectors', () => {
    expect(vectors.leaf_hashes_0_15.map((_, i) => hex(portableHasher.leafHash(entryOf(i))))).toEqual(
      vectors.leaf_hashes_0_15,
    );
  });
  test('the node hash of the vectors', () => {
    const { left, right, parent } = vectors.node_example;
    expect(hex(portableHasher.nodeHash(unhex(left), unhex(right)))).toBe(parent);
  });
  test('a long entry, then a short one: scratch memory does not leak', () => {
    const short = hex(portableHasher.leafHash(entryOf(0)));
    for (const length of [4_095, 4_096, 4_097, 65_535])
      portableHasher.leafHash(new Uint8Array(length).fill(7));
    expect(hex(portableHasher.leafHash(entryOf(0)))).toBe(short);
    expect(hex(portableHasher.leafHash(new Uint8Array(4_097)))).not.toBe(
      hex(portableHasher.leafHash(new Uint8Array(4_096))),
    );
  });
  test.each([65_534, 65_535, 65_536, 100_000])('an entry of %d bytes, as any bytes after 0x00', (length) => {
    const entry = Uint8Array.from({ length }, (_, i) => i % 251);
    const expected = createHash('sha256').update(Uint8Array.of(0)).update(entry).digest('hex');
    expect(hex(portableHasher.leafHash(entry))).toBe(expected);
  });
  test.each([
    [31, 32],
    [32, 31],
    [33, 32],
    [32, 0],
  ])('refuses hashes of %i and %i bytes', (left, right) => {
    expect(() => portableHasher.nodeHash(new Uint8Array(left), new Uint8Array(right))).toThrow(RangeError);
  });
});

describe('TREE-2 root hashes', () => {
  test('every root of the vectors, by the frontier', () => {
    let frontier = emptyFrontier;
    for (const { n, root } of vectors.roots.filter((row) => !isBrief || row.n <= 70)) {
      const added: Hash[] = [];
      for (let i: number = frontier.size; i < n; i += 1) added.push(portableHasher.leafHash(entryOf(i)));
      frontier = appendLeaves(portableHasher, frontier, added);
      expect([frontier.size, hex(frontierRoot(portableHasher, frontier))]).toEqual([n, root]);
      expect(frontier.hashes.length).toBe(frontierNodes(frontier.size).length);
    }
  });
  test(`every size to ${WHOLE_TREES_TO}: frontier and nodes give the naive root`, () => {
    const tree = new NaiveTree(WHOLE_TREES_TO);
    let frontier = emptyFrontier;
    for (let size = 0; size <= WHOLE_TREES_TO; size += 1) {
      const root = hex(tree.hash(0, size));
      expect(hex(frontierRoot(portableHasher, frontier))).toBe(root);
      const nodes = rootNodes(treeSize(size));
      expect(hex(rootFromNodes(portableHasher, treeSize(size), tree.read(nodes)))).toBe(root);
      expect(frontier.hashes.map(hex)).toEqual(tree.read(nodes).map(hex));
      if (size < WHOLE_TREES_TO)
        frontier = appendLeaves(portableHasher, frontier, tree.leafHashes(size + 1).slice(size));
    }
  });
  test.each(LARGE_SIZES)('size %i', (size) => {
    expect(rootFromNodes(rangeHasher, size, readRanges(rootNodes(size)))).toEqual(
      rangeHash(0n, BigInt(size)),
    );
  });
  test('own bugs are RangeErrors', () => {
    expect(() => rootFromNodes(portableHasher, treeSize(3), [])).toThrow(RangeError);
    expect(() => foldRight(portableHasher, [])).toThrow(RangeError);
    expect(() =>
      assembleProof(portableHasher, { nodes: [], groups: [] }, [portableHasher.emptyRoot]),
    ).toThrow(RangeError);
    const broken = { size: treeSize(1), hashes: [] };
    expect(() => appendLeaves(portableHasher, broken, [portableHasher.emptyRoot])).toThrow(RangeError);
  });
});
