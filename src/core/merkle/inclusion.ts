import { equalBytes } from '../bytes.ts';
import type { LeafIndex, TreeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import { type LeafRange, splitPoint } from './node.ts';
import { checkCount, checkHashes, checkLength, malformedProof, proofMismatch } from './proof-check.ts';
import { type ProofPlan, planRanges } from './proof-plan.ts';

/** An inclusion proof without the root hash it leads to. All of it may be chosen by an attacker. */
export interface InclusionPath {
  readonly index: LeafIndex;
  readonly size: TreeSize;
  readonly leafHash: Hash;
  readonly proof: readonly Hash[];
}

/** An inclusion proof; `size` and `root` must be one pair from one verified checkpoint. */
export interface InclusionClaim extends InclusionPath {
  readonly root: Hash;
}

/**
 * What to read to prove that leaf `index` is in the tree of `size`; the proof has its leaf's sibling first. At most
 * ceil(log2 size) hashes, made of at most 2·log2 size nodes.
 * @throws RangeError if index >= size
 * @see RFC 6962 2.1.1
 */
export function inclusionPlan(index: LeafIndex, size: TreeSize): ProofPlan {
  if (index >= size) throw new RangeError(`leaf ${index} is not in a tree of size ${size}`);
  const siblings: LeafRange[] = [];
  let start = 0;
  let end: number = size;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  return planRanges(siblings.reverse());
}

/** Number of hashes in the inclusion proof of leaf `index` in a tree of `size`. @throws RangeError if index >= size */
export function inclusionProofLength(index: LeafIndex, size: TreeSize): number {
  if (index >= size) throw new RangeError(`leaf ${index} is not in a tree of size ${size}`);
  let length = 0;
  for (let [node, last] = [index as number, size - 1]; last > 0; [node, last] = [half(node), half(last)]) {
    if (node % 2 === 1 || node < last) length += 1;
  }
  return length;
}

/**
 * The root hash that an inclusion proof leads to. It says nothing until compared with a verified checkpoint's.
 * @throws TlogError malformed_proof when numbers or lengths cannot be right
 * @see RFC 9162 2.1.3.2
 */
export function rootFromInclusion(hasher: TreeHasher, path: InclusionPath): Hash {
  const { index, size, leafHash, proof } = path;
  checkCount('leaf index', index);
  checkCount('tree size', size);
  if (index >= size) throw malformedProof(`leaf ${index} is not in a tree of size ${size}`);
  checkHashes('leaf hash', [leafHash]);
  checkHashes('hash of the inclusion proof', proof);
  checkLength('inclusion proof', proof, inclusionProofLength(index, size));
  let [node, last]: [number, number] = [index, size - 1];
  return proof.reduce((hash, sibling) => {
    // The last node of a level without a right sibling moves up unchanged.
    while (node % 2 === 0 && node === last) [node, last] = [half(node), half(last)];
    const isRight = node % 2 === 1;
    [node, last] = [half(node), half(last)];
    return isRight ? hasher.nodeHash(sibling, hash) : hasher.nodeHash(hash, sibling);
  }, leafHash);
}

/**
 * Accepts iff the proof leads from the leaf hash to the root hash. The path does not bind index and size: other
 * sizes can accept the same hashes, so take size and root from one verified checkpoint.
 * @throws TlogError malformed_proof, proof_mismatch
 */
export function verifyInclusion(hasher: TreeHasher, claim: InclusionClaim): void {
  if (equalBytes(rootFromInclusion(hasher, claim), claim.root)) return;
  throw proofMismatch(
    `the inclusion proof of leaf ${claim.index} does not lead to the root hash of size ${claim.size}`,
  );
}

function half(n: number): number {
  return Math.floor(n / 2);
}
