import { equalBytes } from '../bytes.ts';
import type { LeafIndex, TreeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import { type LeafRange, splitPoint } from './node.ts';
import { checkCount, checkHashes, checkLength, malformedProof, proofMismatch } from './proof-check.ts';
import { type ProofPlan, planRanges } from './proof-plan.ts';

/** Most leaves in one multi-proof. */
export const MULTI_PROOF_LEAVES_MAX = 4_096;

/** A proof of many leaves; `size` and `root` must be one pair from one verified checkpoint. */
export interface MultiProofClaim {
  /** Ascending, no two equal. */
  readonly indexes: readonly LeafIndex[];
  /** One for each index, in the same order. */
  readonly leafHashes: readonly Hash[];
  readonly size: TreeSize;
  readonly nodes: readonly Hash[];
  readonly root: Hash;
}

/**
 * What to read to prove many leaves at once: the fewest hashes possible, left to right (spec/tree.md, multi-proof).
 * @throws RangeError unless the indexes are ascending, unique, below the size, and 1 to 4,096
 */
export function multiProofPlan(indexes: readonly LeafIndex[], size: TreeSize): ProofPlan {
  const fault = indexesFault(indexes, size);
  if (fault !== undefined) throw new RangeError(fault);
  const gaps: LeafRange[] = [];
  walk({
    indexes,
    size,
    gap: (start, end) => {
      gaps.push({ start, end });
    },
    leaf: () => {},
    join: () => {},
  });
  return planRanges(gaps);
}

/** Accepts iff every leaf is in the tree. All nodes must be used. @throws TlogError malformed_proof, proof_mismatch */
export function verifyMultiProof(hasher: TreeHasher, claim: MultiProofClaim): void {
  const { indexes, leafHashes, size, nodes, root } = claim;
  checkCount('tree size', size);
  const fault = indexesFault(indexes, size);
  if (fault !== undefined) throw malformedProof(fault);
  checkLength('list of leaf hashes', leafHashes, indexes.length);
  checkHashes('leaf hash', leafHashes);
  checkHashes('node of the multi-proof', nodes);
  let used = 0;
  const taken = (): Hash => {
    const hash = nodes[used];
    if (hash === undefined) throw malformedProof(`multi-proof has ${nodes.length} nodes, it must have more`);
    used += 1;
    return hash;
  };
  const leaf = (at: number): Hash => leafHashes[at] as Hash;
  const folded = walk<Hash>({ indexes, size, gap: taken, leaf, join: (l, r) => hasher.nodeHash(l, r) });
  checkLength('multi-proof', nodes, used);
  if (!equalBytes(folded, root))
    throw proofMismatch(`the multi-proof does not lead to the root hash of size ${size}`);
}

interface Walk<T> {
  readonly indexes: readonly number[];
  readonly size: number;
  /** A range without a wanted leaf. */
  readonly gap: (start: number, end: number) => T;
  /** A wanted leaf, by its place in the list of indexes. */
  readonly leaf: (at: number) => T;
  readonly join: (left: T, right: T) => T;
}

/** Goes through the tree left to right, down to the wanted leaves. Depth at most 53. */
function walk<T>({ indexes, size, gap, leaf, join }: Walk<T>): T {
  let at = 0;
  const visit = (start: number, end: number): T => {
    const next = indexes[at];
    if (next === undefined || next >= end) return gap(start, end);
    if (end - start === 1) {
      at += 1;
      return leaf(at - 1);
    }
    const middle = start + splitPoint(end - start);
    const left = visit(start, middle);
    return join(left, visit(middle, end));
  };
  return visit(0, size);
}

/** What is wrong with the list, if anything is. */
function indexesFault(indexes: readonly number[], size: number): string | undefined {
  if (indexes.length === 0 || indexes.length > MULTI_PROOF_LEAVES_MAX) {
    return `a multi-proof is of 1 to ${MULTI_PROOF_LEAVES_MAX} leaves, not ${indexes.length}`;
  }
  let previous = -1;
  for (const index of indexes) {
    if (!Number.isSafeInteger(index) || index <= previous)
      return `leaf indexes must ascend: ${index} after ${previous}`;
    previous = index;
  }
  return previous < size ? undefined : `leaf ${previous} is not in a tree of size ${size}`;
}
