import { describe, expect, test } from 'vitest';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import { inclusionPlan } from '../../../src/core/merkle/inclusion.ts';
import { InclusionPaths } from '../../../src/core/merkle/inclusion-paths.ts';
import type { NodeId } from '../../../src/core/merkle/node.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { leafIndex, treeSize } from '../../../src/core/units.ts';
import { edgeIndexes, hex, LARGE_SIZES, NaiveTree, rangeHasher, readRanges } from './naive-tree.ts';

const nodeOf = (node: NodeId) => readRanges([node])[0];

/** The same proof by the way that reads all its nodes at once. */
function planned(index: number, size: number): string {
  const plan = inclusionPlan(leafIndex(index), treeSize(size));
  const proof = assembleProof(rangeHasher, plan, readRanges(plan.nodes));
  return proof.map(hex).join(',');
}

describe('TREE-3 inclusion proofs that share their text', () => {
  test('every leaf of every tree to 300 has the naive proof', () => {
    const tree = new NaiveTree(300);
    const wrong: string[] = [];
    for (let size = 1; size <= 300; size += 1) {
      const node = (id: NodeId) => tree.read([id])[0];
      const paths = new InclusionPaths(portableHasher, treeSize(size), hex);
      for (let index = 0; index < size; index += 1) {
        const expected = tree.path(index, 0, size).map(hex);
        if (paths.of(leafIndex(index), node) !== expected.join(',')) wrong.push(`${index} of ${size}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(LARGE_SIZES.filter((size) => size > 0))('leaves at the edges of a tree of %d', (size) => {
    const paths = new InclusionPaths(rangeHasher, size, hex);
    for (const index of edgeIndexes(size)) expect(paths.of(index, nodeOf)).toBe(planned(index, size));
  });

  test('each shared node is asked for once', () => {
    const asked: string[] = [];
    const node = (id: NodeId) => {
      asked.push(`${id.level}/${id.index}`);
      return nodeOf(id);
    };
    const paths = new InclusionPaths(rangeHasher, treeSize(1_000_000), hex);
    for (let index = 700_000; index < 700_064; index += 1) paths.of(leafIndex(index), node);
    // 64 leaves under one node of height 6: their own siblings, 62 between, and the way from there to the root.
    expect(asked.length).toBeLessThanOrEqual(64 + 62 + 30);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test.each([
    0, 1, 2,
  ])('without the hashes of level %d at hand there is no proof that needs one', (lacking) => {
    const node = (id: NodeId) => (id.level === lacking ? undefined : nodeOf(id));
    const paths = new InclusionPaths(rangeHasher, treeSize(7), hex);
    const needs = (index: number) => inclusionPlan(leafIndex(index), treeSize(7)).nodes;
    for (let index = 0; index < 7; index += 1) {
      const isLacking = needs(index).some(({ level }) => level === lacking);
      expect(paths.of(leafIndex(index), node)).toBe(isLacking ? undefined : planned(index, 7));
    }
  });

  test('beyond the paths that are remembered the answers are the same', () => {
    const paths = new InclusionPaths(rangeHasher, treeSize(200_001), hex);
    for (let index = 0; index < 200_001; index += 1) paths.of(leafIndex(index), nodeOf);
    for (const index of [0, 99_999, 200_000])
      expect(paths.of(leafIndex(index), nodeOf)).toBe(planned(index, 200_001));
  });

  test('an index that the tree has not is our own slip', () => {
    const paths = new InclusionPaths(rangeHasher, treeSize(7), hex);
    expect(() => paths.of(leafIndex(7), nodeOf)).toThrow(RangeError);
  });
});
