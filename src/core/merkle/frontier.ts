import { type TreeSize, treeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import { coverRange, foldRight, type NodeId } from './node.ts';

/** A tree reduced to its maximal complete subtrees, the largest (leftmost) first: all that growth needs. */
export interface Frontier {
  readonly size: TreeSize;
  readonly hashes: readonly Hash[];
}

/** Frontier of the empty tree. */
export const emptyFrontier: Frontier = { size: treeSize(0), hashes: [] };

/** The subtrees whose hashes make up the frontier of a size, left to right: one for each 1 bit of the size. */
export function frontierNodes(size: TreeSize): NodeId[] {
  return coverRange(0, size);
}

/** The frontier with more leaves; the given one stays as it is. Less than two hashes a leaf, no reads. */
export function appendLeaves(hasher: TreeHasher, frontier: Frontier, leafHashes: readonly Hash[]): Frontier {
  const stack = [...frontier.hashes];
  let size: number = frontier.size;
  for (const leafHash of leafHashes) {
    let hash = leafHash;
    // Each trailing 1 bit of the size is a complete subtree that the new one completes to the next level.
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) hash = hasher.nodeHash(popped(stack), hash);
    stack.push(hash);
    size += 1;
  }
  return { size: treeSize(size), hashes: stack };
}

/** Root hash of the frontier's tree. Shares memory with the frontier when the size is a power of two. */
export function frontierRoot(hasher: TreeHasher, frontier: Frontier): Hash {
  return frontier.size === 0 ? hasher.emptyRoot : foldRight(hasher, frontier.hashes);
}

function popped(stack: Hash[]): Hash {
  const hash = stack.pop();
  if (hash === undefined) throw new RangeError('the frontier has fewer hashes than its size needs');
  return hash;
}
