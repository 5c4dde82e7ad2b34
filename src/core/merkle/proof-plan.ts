import type { Hash, TreeHasher } from './hasher.ts';
import { coverRange, foldRight, type LeafRange, type NodeId } from './node.ts';

/**
 * What has to be read for a proof. `nodes` are read in one batch; `groups` are lengths: the first groups[0] of
 * them fold into the first hash of the proof, the next groups[1] into the second, and so on.
 */
export interface ProofPlan {
  readonly nodes: readonly NodeId[];
  readonly groups: readonly number[];
}

/** The plan of a proof whose hashes are those of the given subtrees, in this order. */
export function planRanges(ranges: readonly LeafRange[]): ProofPlan {
  const covers = ranges.map(({ start, end }) => coverRange(start, end));
  return { nodes: covers.flat(), groups: covers.map((cover) => cover.length) };
}

/**
 * The proof, from the hashes of the plan's nodes in the plan's order. Its hashes may share memory with those given.
 * @throws RangeError unless there is one hash a node
 */
export function assembleProof(hasher: TreeHasher, plan: ProofPlan, hashes: readonly Hash[]): Hash[] {
  if (hashes.length !== plan.nodes.length) {
    throw new RangeError(`${hashes.length} hashes for a plan of ${plan.nodes.length} nodes`);
  }
  let at = 0;
  return plan.groups.map((length) => {
    at += length;
    return foldRight(hasher, hashes.slice(at - length, at));
  });
}
