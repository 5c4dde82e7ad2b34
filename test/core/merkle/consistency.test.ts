import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../../src/core/bytes.ts';
import { consistencyPlan, verifyConsistency } from '../../../src/core/merkle/consistency.ts';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { type TreeSize, treeSize } from '../../../src/core/units.ts';
import { WHOLE_TREES_TO } from '../scale.ts';
import {
  codeOf,
  LARGE_SIZES,
  NaiveTree,
  rangeHash,
  rangeHasher,
  readRanges,
  readVectors,
  unhex,
} from './naive-tree.ts';

interface Row {
  m: number;
  n: number;
  root1: string;
  root2: string;
  proof: string[];
  why?: string;
}
type Kind = 'valid' | 'invalid' | 'accepted_with_wrong_input' | 'size_zero';
const vectors = readVectors<Record<Kind, Row[]>>('consistency');

function check(row: Row): string {
  const claim = {
    oldSize: row.m as TreeSize,
    newSize: row.n as TreeSize,
    oldRoot: unhex(row.root1),
    newRoot: unhex(row.root2),
    proof: row.proof.map(unhex),
  };
  return codeOf(() => verifyConsistency(portableHasher, claim));
}

describe('TREE-5 consistency proofs', () => {
  test('accepts every valid vector', () => {
    expect(vectors.valid.length).toBeGreaterThan(400);
    for (const row of vectors.valid) expect(check(row)).toBe('accepted');
  });
  test('refuses every invalid vector', () => {
    expect(vectors.invalid.length).toBeGreaterThan(400);
    for (const row of vectors.invalid)
      expect([row, check(row)]).toEqual([row, expect.stringMatching(/^(malformed_proof|proof_mismatch)$/)]);
  });
  test('TREE-7 the path does not bind the sizes: these are accepted by design', () => {
    for (const row of vectors.accepted_with_wrong_input) expect(check(row)).toBe('accepted');
  });
  test(`every pair of sizes to ${WHOLE_TREES_TO} has the naive proof, which verifies`, () => {
    const tree = new NaiveTree(WHOLE_TREES_TO);
    const wrong: string[] = [];
    for (let n = 0; n <= WHOLE_TREES_TO; n += 1) {
      for (let m = 0; m <= n; m += 1) {
        const [oldSize, newSize] = [treeSize(m), treeSize(n)];
        const plan = consistencyPlan(oldSize, newSize);
        const proof = assembleProof(portableHasher, plan, tree.read(plan.nodes));
        const naive = m === 0 ? [] : tree.subproof(m, 0, n, true);
        const same =
          proof.length === naive.length && proof.every((hash, j) => equalBytes(hash, naive[j] as Uint8Array));
        const claim = { oldSize, newSize, oldRoot: tree.hash(0, m), newRoot: tree.hash(0, n), proof };
        if (!same || codeOf(() => verifyConsistency(portableHasher, claim)) !== 'accepted')
          wrong.push(`${m} to ${n}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  test.each(LARGE_SIZES)('from size %i', (oldSize) => {
    for (const newSize of LARGE_SIZES.filter((size) => size >= oldSize)) {
      const plan = consistencyPlan(oldSize, newSize);
      const proof = assembleProof(rangeHasher, plan, readRanges(plan.nodes));
      const [oldRoot, newRoot] = [rangeHash(0n, BigInt(oldSize)), rangeHash(0n, BigInt(newSize))];
      verifyConsistency(rangeHasher, { oldSize, newSize, oldRoot, newRoot, proof });
    }
  });
  test('a plan from a larger to a smaller tree is an own bug', () => {
    expect(() => consistencyPlan(treeSize(2), treeSize(1))).toThrow(RangeError);
  });
});

describe('TREE-6 consistency from size 0', () => {
  test.each([
    ['0 to 0, empty proof', 'accepted'],
    ['0 to 5, empty proof', 'accepted'],
    ['0 to 5, non-empty proof', 'malformed_proof'],
    ['0 to 5, wrong root for size zero', 'proof_mismatch'],
  ])('%s: %s', (why, outcome) => {
    const rows = vectors.size_zero.filter((row) => row.why === why);
    expect(rows.map(check)).toEqual([outcome]);
  });
});

describe('TREE-4 what a verifier refuses before hashing', () => {
  const hash = new Uint8Array(32);
  const good = {
    oldSize: 1 as TreeSize,
    newSize: 2 as TreeSize,
    oldRoot: hash,
    newRoot: hash,
    proof: [hash],
  };
  test.each([
    ['a tree that shrinks', { oldSize: 3 as TreeSize }, 'malformed_proof'],
    ['negative size', { oldSize: -1 as TreeSize }, 'malformed_proof'],
    ['size above 2^53-1', { newSize: (2 ** 53) as TreeSize }, 'malformed_proof'],
    ['old root of 31 bytes', { oldRoot: new Uint8Array(31) }, 'malformed_proof'],
    ['proof hash of 31 bytes', { proof: [new Uint8Array(31)] }, 'malformed_proof'],
    ['no proof', { proof: [] }, 'malformed_proof'],
    [
      'no proof, old size not a power of two',
      { oldSize: 3 as TreeSize, newSize: 4 as TreeSize, proof: [] },
      'malformed_proof',
    ],
    ['one hash too many', { proof: [hash, hash] }, 'malformed_proof'],
    ['a proof for one size', { newSize: 1 as TreeSize }, 'malformed_proof'],
    [
      'two roots for one size',
      { newSize: 1 as TreeSize, proof: [], newRoot: hash.slice().fill(1) },
      'proof_mismatch',
    ],
    ['another new root', {}, 'proof_mismatch'],
  ])('%s', (_, change, code) => {
    expect(codeOf(() => verifyConsistency(portableHasher, { ...good, ...change }))).toBe(code);
  });
});
