import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../../src/core/bytes.ts';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import {
  inclusionPlan,
  inclusionProofLength,
  rootFromInclusion,
  verifyInclusion,
} from '../../../src/core/merkle/inclusion.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../../../src/core/units.ts';
import { WHOLE_TREES_TO } from '../scale.ts';
import {
  codeOf,
  edgeIndexes,
  LARGE_SIZES,
  NaiveTree,
  rangeHash,
  rangeHasher,
  readRanges,
  readVectors,
  unhex,
} from './naive-tree.ts';

interface Row {
  i: number;
  n: number;
  leaf: string;
  root: string;
  proof: string[];
  why?: string;
}
const vectors = readVectors<Record<'valid' | 'invalid' | 'accepted_with_wrong_input', Row[]>>('inclusion');

function check(row: Row): string {
  const claim = {
    index: row.i as LeafIndex,
    size: row.n as TreeSize,
    leafHash: unhex(row.leaf),
    root: unhex(row.root),
    proof: row.proof.map(unhex),
  };
  return codeOf(() => verifyInclusion(portableHasher, claim));
}

describe('TREE-3 inclusion proofs', () => {
  test('accepts every valid vector', () => {
    expect(vectors.valid.length).toBeGreaterThan(300);
    for (const row of vectors.valid) expect(check(row)).toBe('accepted');
  });
  test('refuses every invalid vector', () => {
    expect(vectors.invalid.length).toBeGreaterThan(200);
    for (const row of vectors.invalid)
      expect([row, check(row)]).toEqual([row, expect.stringMatching(/^(malformed_proof|proof_mismatch)$/)]);
  });
  test('TREE-7 the path does not bind the size: these are accepted by design', () => {
    for (const row of vectors.accepted_with_wrong_input) expect(check(row)).toBe('accepted');
  });
  test(`every leaf of every tree to ${WHOLE_TREES_TO} has the naive proof, which verifies`, () => {
    const tree = new NaiveTree(WHOLE_TREES_TO);
    const wrong: string[] = [];
    for (let n = 1; n <= WHOLE_TREES_TO; n += 1) {
      for (let i = 0; i < n; i += 1) {
        const [index, size] = [leafIndex(i), treeSize(n)];
        const plan = inclusionPlan(index, size);
        const proof = assembleProof(portableHasher, plan, tree.read(plan.nodes));
        const naive = tree.path(i, 0, n);
        const same =
          proof.length === naive.length && proof.every((hash, j) => equalBytes(hash, naive[j] as Uint8Array));
        const claim = { index, size, leafHash: tree.hash(i, i + 1), proof };
        if (!same || inclusionProofLength(index, size) !== naive.length) wrong.push(`proof ${i} of ${n}`);
        if (!equalBytes(rootFromInclusion(portableHasher, claim), tree.hash(0, n)))
          wrong.push(`root ${i} of ${n}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  test.each(LARGE_SIZES.filter((size) => size > 0))('size %i', (size) => {
    for (const index of edgeIndexes(size)) {
      const plan = inclusionPlan(index, size);
      const proof = assembleProof(rangeHasher, plan, readRanges(plan.nodes));
      const leafHash = rangeHash(BigInt(index), BigInt(index) + 1n);
      verifyInclusion(rangeHasher, { index, size, leafHash, proof, root: rangeHash(0n, BigInt(size)) });
    }
  });
});

describe('TREE-4 what a verifier refuses before hashing', () => {
  const hash = new Uint8Array(32);
  const good = { index: 0 as LeafIndex, size: 2 as TreeSize, leafHash: hash, proof: [hash], root: hash };
  test.each([
    ['index at the size', { index: 2 as LeafIndex }],
    ['negative index', { index: -1 as LeafIndex }],
    ['fractional index', { index: 0.5 as LeafIndex }],
    ['size above 2^53-1', { size: (2 ** 53) as TreeSize }],
    ['NaN size', { size: Number.NaN as TreeSize }],
    ['leaf hash of 31 bytes', { leafHash: new Uint8Array(31) }],
    ['proof hash of 33 bytes', { proof: [new Uint8Array(33)] }],
    ['no proof', { proof: [] }],
    ['one hash too many', { proof: [hash, hash] }],
  ])('%s', (_, change) => {
    expect(codeOf(() => verifyInclusion(portableHasher, { ...good, ...change }))).toBe('malformed_proof');
  });
  test('a well-formed proof of another root is a mismatch', () => {
    expect(codeOf(() => verifyInclusion(portableHasher, good))).toBe('proof_mismatch');
  });
  test('a plan or length beyond the tree is an own bug', () => {
    expect(() => inclusionPlan(leafIndex(5), treeSize(5))).toThrow(RangeError);
    expect(() => inclusionProofLength(leafIndex(0), treeSize(0))).toThrow(RangeError);
  });
});
