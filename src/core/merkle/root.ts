import type { TreeSize } from '../units.ts';
import { frontierNodes } from './frontier.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import { foldRight, type NodeId } from './node.ts';

/** The subtrees whose hashes make up the root hash of a size, left to right; none for size 0, at most 53. */
export function rootNodes(size: TreeSize): NodeId[] {
  return frontierNodes(size);
}

/**
 * Root hash of a size, from the hashes of `rootNodes(size)`. May share memory with those.
 * @throws RangeError unless there is one hash a node
 * @see RFC 6962 2.1
 */
export function rootFromNodes(hasher: TreeHasher, size: TreeSize, hashes: readonly Hash[]): Hash {
  const wanted = frontierNodes(size).length;
  if (hashes.length !== wanted)
    throw new RangeError(`${hashes.length} hashes for the root of size ${size}, which has ${wanted}`);
  return size === 0 ? hasher.emptyRoot : foldRight(hasher, hashes);
}
