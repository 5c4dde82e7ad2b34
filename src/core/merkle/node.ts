import type { Hash, TreeHasher } from './hasher.ts';

/** A complete subtree of 2^level leaves, the index-th of its level: leaves [index·2^level, (index + 1)·2^level). */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Reads hashes of complete subtrees, in the order asked. */
export type NodeReader = (nodes: readonly NodeId[]) => readonly Hash[] | Promise<readonly Hash[]>;

/** Leaves [start, end) of a tree. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Largest power of two strictly below `count`: where a tree of `count` leaves splits (RFC 6962 2.1).
 * `count` is at least 2. Multiplies, as shifts cut numbers to 32 bits.
 */
export function splitPoint(count: number): number {
  let span = 1;
  while (span * 2 < count) span *= 2;
  return span;
}

/**
 * The maximal complete subtrees that cover [start, end), left to right, at most 53. The range must be one that a
 * tree has as a subtree: `start` is a multiple of the smallest power of two that is not below its length.
 */
export function coverRange(start: number, end: number): NodeId[] {
  const nodes: NodeId[] = [];
  let level = 0;
  let span = 1;
  while (span * 2 <= end - start) {
    span *= 2;
    level += 1;
  }
  for (let at = start; at < end; level -= 1) {
    if (span <= end - at) {
      nodes.push({ level, index: at / span });
      at += span;
    }
    span /= 2;
  }
  return nodes;
}

/**
 * Folds hashes from the right: A, B, C give node(A, node(B, C)). This is the hash of the subtree they cover.
 * One hash alone is given back itself. @throws RangeError when there is none
 */
export function foldRight(hasher: TreeHasher, hashes: readonly Hash[]): Hash {
  const last = hashes.at(-1);
  if (last === undefined) throw new RangeError('no hashes to fold');
  return hashes.slice(0, -1).reduceRight((right, left) => hasher.nodeHash(left, right), last);
}
