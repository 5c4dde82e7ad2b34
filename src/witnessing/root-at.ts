import type { Hash } from '../core/merkle/hasher.ts';
import type { TreeSize } from '../core/units.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { Log } from '../sequencer/log.ts';

/** The root that a log has at a size up to its head. */
export async function rootAt(log: Pick<Log, 'head' | 'proveConsistency'>, size: TreeSize): Promise<Hash> {
  const { head } = log;
  if (size === head.size) return head.rootHash;
  if (size === 0) return nodeHasher.emptyRoot;
  return (await log.proveConsistency(size, head.size)).fromRootHash;
}
