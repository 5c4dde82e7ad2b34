import { equalBytes } from '../bytes.ts';
import type { TreeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import { type LeafRange, splitPoint } from './node.ts';
import { checkCount, checkHashes, checkLength, malformedProof, proofMismatch } from './proof-check.ts';
import { type ProofPlan, planRanges } from './proof-plan.ts';

/** A consistency proof. Each size must come with its root hash from one verified checkpoint. */
export interface ConsistencyClaim {
  readonly oldSize: TreeSize;
  readonly newSize: TreeSize;
  readonly oldRoot: Hash;
  readonly newRoot: Hash;
  readonly proof: readonly Hash[];
}

/**
 * What to read to prove that the tree of `oldSize` is a prefix of that of `newSize`. Empty when the old size is 0 or
 * the same: there is nothing to prove by hashes.
 * @throws RangeError if oldSize > newSize
 * @see RFC 6962 2.1.2
 */
export function consistencyPlan(oldSize: TreeSize, newSize: TreeSize): ProofPlan {
  if (oldSize > newSize) throw new RangeError(`old size ${oldSize} is above new size ${newSize}`);
  if (oldSize === 0) return planRanges([]);
  const parts: LeafRange[] = [];
  let start = 0;
  let end: number = newSize;
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      parts.push({ start: middle, end });
      end = middle;
    } else {
      parts.push({ start, end: middle });
      start = middle;
    }
  }
  // A verifier knows the subtree that is the whole old tree: it is the old root itself.
  if (start > 0) parts.push({ start, end });
  return planRanges(parts.reverse());
}

/**
 * Accepts iff the proof shows that the old tree is a prefix of the new one. Old size 0 needs an empty proof and the
 * empty tree's root hash, and then says nothing about the new root (c2sp.org/tlog-witness).
 * @throws TlogError malformed_proof, proof_mismatch
 * @see RFC 9162 2.1.4.2
 */
export function verifyConsistency(hasher: TreeHasher, claim: ConsistencyClaim): void {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  checkCount('old size', oldSize);
  checkCount('new size', newSize);
  if (oldSize > newSize) throw malformedProof(`old size ${oldSize} is above new size ${newSize}`);
  checkHashes('root hash', [oldRoot, newRoot]);
  checkHashes('hash of the consistency proof', proof);
  if (oldSize === 0 || oldSize === newSize) verifyWithoutHashes(hasher, claim);
  else verifyByHashes(hasher, claim);
}

function verifyByHashes(hasher: TreeHasher, claim: ConsistencyClaim): void {
  const [oldFolded, newFolded] = foldProof(hasher, claim);
  if (!equalBytes(oldFolded, claim.oldRoot)) throw mismatch(claim, 'old');
  if (!equalBytes(newFolded, claim.newRoot)) throw mismatch(claim, 'new');
}

function verifyWithoutHashes(hasher: TreeHasher, claim: ConsistencyClaim): void {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  checkLength(`consistency proof from ${oldSize} to ${newSize}`, proof, 0);
  if (oldSize === 0 && !equalBytes(oldRoot, hasher.emptyRoot)) {
    throw proofMismatch('the root hash of size 0 is not that of the empty tree');
  }
  if (oldSize === newSize && !equalBytes(oldRoot, newRoot)) {
    throw proofMismatch(`two different root hashes for size ${oldSize}`);
  }
}

/** Which side of the new tree's path each proof hash is on; `both` go into the old root too. */
type Step = 'both' | 'new';

/** Root hashes of both sizes as the proof has them. */
function foldProof(hasher: TreeHasher, { oldSize, newSize, oldRoot, proof }: ConsistencyClaim): [Hash, Hash] {
  const { known, steps } = foldSteps(oldSize, newSize);
  checkLength(`consistency proof from ${oldSize} to ${newSize}`, proof, steps.length + (known ? 0 : 1));
  return foldHashes(hasher, steps, known ? [oldRoot, ...proof] : proof);
}

/**
 * Hashes of a consistency proof with its first subtree always in front. RFC 9162 leaves that one out where the old tree
 * is a complete subtree: then it is the old root hash, which `oldRoot` gives.
 * @throws RangeError unless 0 < oldSize < newSize
 */
export function explicitConsistency({
  oldSize,
  newSize,
  oldRoot,
  proof,
}: Omit<ConsistencyClaim, 'newRoot'>): readonly Hash[] {
  checkBetween(oldSize, newSize);
  return foldSteps(oldSize, newSize).known ? [oldRoot, ...proof] : proof;
}

/**
 * The root hashes of both sizes that explicit hashes lead to, all of them used. They say something about the smaller
 * tree only where the larger one is the signed one.
 * @throws TlogError malformed_proof unless there are as many as the sizes need, of 32 bytes; RangeError unless 0 < oldSize < newSize
 */
export function rootsFromConsistency(
  hasher: TreeHasher,
  sizes: { readonly oldSize: TreeSize; readonly newSize: TreeSize },
  hashes: readonly Hash[],
): { readonly oldRoot: Hash; readonly newRoot: Hash } {
  const { oldSize, newSize } = sizes;
  checkBetween(oldSize, newSize);
  const { steps } = foldSteps(oldSize, newSize);
  checkHashes('hash of the consistency proof', hashes);
  checkLength(`explicit consistency proof from ${oldSize} to ${newSize}`, hashes, steps.length + 1);
  const [oldRoot, newRoot] = foldHashes(hasher, steps, hashes);
  return { oldRoot, newRoot };
}

function checkBetween(oldSize: number, newSize: number): void {
  if (!(oldSize > 0 && oldSize < newSize)) throw new RangeError(`sizes ${oldSize} and ${newSize}`);
}

function foldHashes(hasher: TreeHasher, steps: readonly Step[], hashes: readonly Hash[]): [Hash, Hash] {
  const [first, ...rest] = hashes as readonly [Hash, ...Hash[]];
  let [oldFolded, newFolded] = [first, first];
  rest.forEach((hash, i) => {
    if (steps[i] === 'both') {
      oldFolded = hasher.nodeHash(hash, oldFolded);
      newFolded = hasher.nodeHash(hash, newFolded);
    } else {
      newFolded = hasher.nodeHash(newFolded, hash);
    }
  });
  return [oldFolded, newFolded];
}

/** The walk from the last complete subtree of the old tree up to the root; `known`: it is the whole old tree. */
function foldSteps(oldSize: number, newSize: number): { known: boolean; steps: Step[] } {
  const steps: Step[] = [];
  let [node, last] = [oldSize - 1, newSize - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  const known = node === 0;
  for (; last > 0; [node, last] = [half(node), half(last)]) {
    if (node % 2 === 1) steps.push('both');
    else if (node < last) steps.push('new');
  }
  return { known, steps };
}

function mismatch({ oldSize, newSize }: ConsistencyClaim, which: 'old' | 'new'): Error {
  return proofMismatch(
    `the consistency proof from ${oldSize} to ${newSize} does not lead to the ${which} root hash`,
  );
}

function half(n: number): number {
  return Math.floor(n / 2);
}
