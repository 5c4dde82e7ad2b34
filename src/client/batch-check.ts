import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { LeafIndex } from '../core/units.ts';

/** Leaves that a multi-proof can be asked for: indexes ascending, none twice, with the hash of the entry at each. */
export interface BatchLeaves {
  readonly indexes: readonly LeafIndex[];
  readonly leafHashes: readonly Hash[];
}

/**
 * What the log has to prove after it gave these indexes to these entries, in the same order. Repeated entries may
 * share one index.
 * @throws TlogError malformed_answer for another number of indexes, entry_mismatch for one index of unlike entries
 */
export function leavesOfBatch(
  hasher: TreeHasher,
  entries: readonly Uint8Array[],
  indexes: readonly LeafIndex[],
): BatchLeaves {
  if (indexes.length !== entries.length) {
    throw new TlogError('malformed_answer', `${indexes.length} indexes for ${entries.length} entries`);
  }
  const hashes = new Map<LeafIndex, Hash>();
  entries.forEach((entry, i) => {
    const index = indexes[i] as LeafIndex;
    const hash = hasher.leafHash(entry);
    if (!equalBytes(hashes.get(index) ?? hash, hash)) {
      throw new TlogError('entry_mismatch', `two unlike entries were given index ${index}`);
    }
    hashes.set(index, hash);
  });
  const leaves = [...hashes].sort(([a], [b]) => a - b);
  return { indexes: leaves.map(([index]) => index), leafHashes: leaves.map(([, hash]) => hash) };
}
