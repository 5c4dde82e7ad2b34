import { describe, expect, test } from 'vitest';
import { consistencyPlan } from '../../../src/core/merkle/consistency.ts';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import { inclusionPlan } from '../../../src/core/merkle/inclusion.ts';
import type { NodeId } from '../../../src/core/merkle/node.ts';
import { ProofPaths } from '../../../src/core/merkle/proof-paths.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { leafIndex, type TreeSize, treeSize } from '../../../src/core/units.ts';
import { isBrief, WHOLE_TREES_TO } from '../scale.ts';
import { edgeIndexes, hex, LARGE_SIZES, NaiveTree, rangeHasher, readRanges } from './naive-tree.ts';

const nodeOf = (node: NodeId) => readRanges([node])[0];

/** The same proof by the way that reads all its nodes at once. */
function planned(index: number, size: number): string {
  const plan = inclusionPlan(leafIndex(index), treeSize(size));
  const proof = assembleProof(rangeHasher, plan, readRanges(plan.nodes));
  return proof.map(hex).join(',');
}

function plannedConsistency(from: TreeSize, size: TreeSize): string {
  const plan = consistencyPlan(from, size);
  return assembleProof(rangeHasher, plan, readRanges(plan.nodes)).map(hex).join(',');
}

describe('TREE-5 consistency proofs that share their text', () => {
  test(`every pair of sizes to ${WHOLE_TREES_TO} has the naive proof`, () => {
    const tree = new NaiveTree(WHOLE_TREES_TO);
    const node = (id: NodeId) => tree.read([id])[0];
    const wrong: string[] = [];
    for (let size = 2; size <= WHOLE_TREES_TO; size += 1) {
      const paths = new ProofPaths(portableHasher, treeSize(size), hex);
      for (let from = 1; from < size; from += 1) {
        const expected = tree.subproof(from, 0, size, true).map(hex).join(',');
        if (paths.consistency(treeSize(from), node) !== expected) wrong.push(`${from} to ${size}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(LARGE_SIZES.filter((size) => size > 1))('from sizes at the edges of a tree of %d', (size) => {
    const paths = new ProofPaths(rangeHasher, size, hex);
    for (const from of edgeIndexes(size).filter((index) => index > 0))
      expect(paths.consistency(treeSize(from), nodeOf)).toBe(plannedConsistency(treeSize(from), size));
  });

  test('without a hash at hand there is no proof; sizes out of range are our own slip', () => {
    const paths = new ProofPaths(rangeHasher, treeSize(7), hex);
    expect(paths.consistency(treeSize(5), () => undefined)).toBeUndefined();
    const withoutOwn = (id: NodeId) => (id.level === 0 && id.index === 4 ? undefined : nodeOf(id));
    expect(paths.consistency(treeSize(5), withoutOwn)).toBeUndefined();
    for (const from of [0, 7, 8]) expect(() => paths.consistency(treeSize(from), nodeOf)).toThrow(RangeError);
  });
});

describe('TREE-3 inclusion proofs that share their text', () => {
  test(`every leaf of every tree to ${WHOLE_TREES_TO} has the naive proof`, () => {
    const tree = new NaiveTree(WHOLE_TREES_TO);
    const wrong: string[] = [];
    for (let size = 1; size <= WHOLE_TREES_TO; size += 1) {
      const node = (id: NodeId) => tree.read([id])[0];
      const paths = new ProofPaths(portableHasher, treeSize(size), hex);
      for (let index = 0; index < size; index += 1) {
        const expected = tree.path(index, 0, size).map(hex);
        if (paths.inclusion(leafIndex(index), node) !== expected.join(',')) wrong.push(`${index} of ${size}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(LARGE_SIZES.filter((size) => size > 0))('leaves at the edges of a tree of %d', (size) => {
    const paths = new ProofPaths(rangeHasher, size, hex);
    for (const index of edgeIndexes(size)) expect(paths.inclusion(index, nodeOf)).toBe(planned(index, size));
  });

  test('each shared node is asked for once', () => {
    const asked: string[] = [];
    const node = (id: NodeId) => {
      asked.push(`${id.level}/${id.index}`);
      return nodeOf(id);
    };
    const paths = new ProofPaths(rangeHasher, treeSize(1_000_000), hex);
    for (let index = 700_000; index < 700_064; index += 1) paths.inclusion(leafIndex(index), node);
    // 64 leaves under one node of height 6: their own siblings, 62 between, and the way from there to the root.
    expect(asked.length).toBeLessThanOrEqual(64 + 62 + 30);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test.each([
    0, 1, 2,
  ])('without the hashes of level %d at hand there is no proof that needs one', (lacking) => {
    const node = (id: NodeId) => (id.level === lacking ? undefined : nodeOf(id));
    const paths = new ProofPaths(rangeHasher, treeSize(7), hex);
    const needs = (index: number) => inclusionPlan(leafIndex(index), treeSize(7)).nodes;
    for (let index = 0; index < 7; index += 1) {
      const isLacking = needs(index).some(({ level }) => level === lacking);
      expect(paths.inclusion(leafIndex(index), node)).toBe(isLacking ? undefined : planned(index, 7));
    }
  });

  test('of a large tree the upper nodes are remembered, whatever was asked for before', () => {
    const size = 2 ** 18;
    const asked: NodeId[] = [];
    const node = (id: NodeId) => {
      asked.push(id);
      return nodeOf(id);
    };
    const paths = new ProofPaths(rangeHasher, treeSize(size), hex);
    for (let index = 0; index < size; index += 8) paths.inclusion(leafIndex(index), node);
    asked.length = 0;
    expect(paths.inclusion(leafIndex(size - 3), node)).toBe(planned(size - 3, size));
    expect(asked.map(({ level }) => level)).toEqual([2, 1, 0]);
  });

  test.skipIf(isBrief)('beyond the paths that are remembered the answers are the same', () => {
    const paths = new ProofPaths(rangeHasher, treeSize(200_001), hex);
    for (let index = 0; index < 200_001; index += 1) paths.inclusion(leafIndex(index), nodeOf);
    for (const index of [0, 99_999, 200_000])
      expect(paths.inclusion(leafIndex(index), nodeOf)).toBe(planned(index, 200_001));
  });

  test('an index that the tree has not is our own slip', () => {
    const paths = new ProofPaths(rangeHasher, treeSize(7), hex);
    expect(() => paths.inclusion(leafIndex(7), nodeOf)).toThrow(RangeError);
  });
});
