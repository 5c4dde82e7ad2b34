import { consistencyPlan, explicitConsistency } from '../core/merkle/consistency.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { assembleProof } from '../core/merkle/proof-plan.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import type { TreeSize } from '../core/units.ts';

/** The complete subtrees of one verified tree. */
export interface TreeNodes {
  node(node: NodeId): Promise<Hash>;
}

/** Root hash of the first `size` leaves; at most 53 subtrees are read. */
export async function rootAt(hasher: TreeHasher, tree: TreeNodes, size: TreeSize): Promise<Hash> {
  return rootFromNodes(hasher, size, await readAll(tree, rootNodes(size)));
}

/** What shows that the first `oldSize` leaves are a prefix of the first `newSize`, in the form of EVIDENCE-5. @throws RangeError unless 0 < oldSize < newSize */
export async function explicitHashes(
  hasher: TreeHasher,
  tree: TreeNodes,
  { oldSize, newSize }: { readonly oldSize: TreeSize; readonly newSize: TreeSize },
): Promise<readonly Hash[]> {
  const plan = consistencyPlan(oldSize, newSize);
  const proof = assembleProof(hasher, plan, await readAll(tree, plan.nodes));
  return explicitConsistency({ oldSize, newSize, oldRoot: await rootAt(hasher, tree, oldSize), proof });
}

/** One after the other: neighbours lie in one tile, which is read once then. */
async function readAll(tree: TreeNodes, nodes: readonly NodeId[]): Promise<Hash[]> {
  const hashes: Hash[] = [];
  for (const node of nodes) hashes.push(await tree.node(node));
  return hashes;
}
