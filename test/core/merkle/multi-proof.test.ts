import { describe, expect, test } from 'vitest';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import {
  MULTI_PROOF_LEAVES_MAX,
  multiProofPlan,
  verifyMultiProof,
} from '../../../src/core/merkle/multi-proof.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../../../src/core/units.ts';
import { isBrief } from '../scale.ts';
import {
  codeOf,
  edgeIndexes,
  hex,
  LARGE_SIZES,
  NaiveTree,
  randomFrom,
  rangeHash,
  rangeHasher,
  readRanges,
} from './naive-tree.ts';

describe('TREE-8 multi-proofs', () => {
  test('every subset of the leaves of every tree to 8 has the naive nodes, which verify', () => {
    const tree = new NaiveTree(8);
    for (let n = 1; n <= 8; n += 1) {
      for (let subset = 1; subset < 2 ** n; subset += 1) {
        const indexes = Array.from({ length: n }, (_, i) => i)
          .filter((i) => Math.floor(subset / 2 ** i) % 2 === 1)
          .map(leafIndex);
        const size = treeSize(n);
        const plan = multiProofPlan(indexes, size);
        const nodes = assembleProof(portableHasher, plan, tree.read(plan.nodes));
        expect(nodes.map(hex)).toEqual(tree.multi(new Set(indexes), 0, n).map(hex));
        const leafHashes = indexes.map((i) => tree.hash(i, i + 1));
        verifyMultiProof(portableHasher, { indexes, leafHashes, size, nodes, root: tree.hash(0, n) });
      }
    }
  });
  test('random sets in trees to 10^6, seed 20261124', () => {
    const random = randomFrom(20_261_124);
    for (let round = 0; round < (isBrief ? 20 : 200); round += 1) {
      const size = treeSize(1 + Math.floor(random() * 1_000_000));
      const drawn = Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * size));
      verifyRanges([...new Set(drawn)].sort((a, b) => a - b).map(leafIndex), size);
    }
  });
  test.each(LARGE_SIZES.filter((size) => size > 0))('size %i', (size) => {
    verifyRanges(
      edgeIndexes(size).sort((a, b) => a - b),
      size,
    );
  });
  test('4,096 neighbours, and not one more', () => {
    const indexes = Array.from({ length: MULTI_PROOF_LEAVES_MAX }, (_, i) => leafIndex(i));
    verifyRanges(indexes, treeSize(1_000_000));
    expect(() => multiProofPlan([...indexes, leafIndex(4_096)], treeSize(1_000_000))).toThrow(RangeError);
  });
});

function verifyRanges(indexes: readonly LeafIndex[], size: TreeSize): void {
  const plan = multiProofPlan(indexes, size);
  const nodes = assembleProof(rangeHasher, plan, readRanges(plan.nodes));
  const leafHashes = indexes.map((i) => rangeHash(BigInt(i), BigInt(i) + 1n));
  verifyMultiProof(rangeHasher, { indexes, leafHashes, size, nodes, root: rangeHash(0n, BigInt(size)) });
}

describe('TREE-9 what a multi-proof verifier refuses', () => {
  const hash = new Uint8Array(32);
  const indexes = [1, 3] as LeafIndex[];
  const good = { indexes, leafHashes: [hash, hash], size: 4 as TreeSize, nodes: [hash, hash], root: hash };
  test.each([
    ['no index', { indexes: [], leafHashes: [] }, 'malformed_proof'],
    ['equal indexes', { indexes: [1, 1] as LeafIndex[] }, 'malformed_proof'],
    ['descending indexes', { indexes: [3, 1] as LeafIndex[] }, 'malformed_proof'],
    ['fractional index', { indexes: [1, 2.5] as LeafIndex[] }, 'malformed_proof'],
    ['index at the size', { indexes: [1, 4] as LeafIndex[] }, 'malformed_proof'],
    ['a size that is none', { size: 4.5 as TreeSize }, 'malformed_proof'],
    ['too few leaf hashes', { leafHashes: [hash] }, 'malformed_proof'],
    ['leaf hash of 31 bytes', { leafHashes: [hash, new Uint8Array(31)] }, 'malformed_proof'],
    ['node of 31 bytes', { nodes: [hash, new Uint8Array(31)] }, 'malformed_proof'],
    ['too few nodes', { nodes: [hash] }, 'malformed_proof'],
    ['a node left over', { nodes: [hash, hash, hash] }, 'malformed_proof'],
    ['another root', {}, 'proof_mismatch'],
  ])('%s', (_, change, code) => {
    expect(codeOf(() => verifyMultiProof(portableHasher, { ...good, ...change }))).toBe(code);
  });
});
