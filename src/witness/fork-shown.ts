import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import type { Evidence } from '../core/evidence/evidence.ts';
import { evidenceOfRoots } from '../core/evidence/evidence.ts';
import { explicitConsistency, rootsFromConsistency } from '../core/merkle/consistency.ts';
import type { AddCheckpoint } from '../core/note/add-checkpoint.ts';
import type { Checkpoint } from '../core/note/checkpoint.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { AlertFacts } from './witness-alert.ts';
import type { WitnessRecord } from './witness-record.ts';

/** Two histories that a log has signed. */
export interface ShownFork {
  readonly evidence: Evidence;
  readonly facts: AlertFacts;
}

/** What a refused request shows against its log, whose signature on it holds; undefined: nothing that convicts. */
export function forkShown(
  old: WitnessRecord | undefined,
  {
    checkpoint: { size, rootHash },
    oldSize,
    proof,
    note,
  }: AddCheckpoint & { readonly checkpoint: Checkpoint },
): ShownFork | undefined {
  if (size === 0 && !equalBytes(rootHash, nodeHasher.emptyRoot))
    return {
      evidence: { accused: 'log', kind: 'empty-root', notes: [note] },
      facts: factsOf([0], nodeHasher.emptyRoot, rootHash),
    };
  if (old === undefined) return undefined;
  if (size === old.size)
    return equalBytes(rootHash, old.rootHash)
      ? undefined
      : { evidence: evidenceOfRoots(old.note, note), facts: factsOf([size], old.rootHash, rootHash) };
  if (old.size === 0 || oldSize !== old.size) return undefined;
  return grownElsewhere(
    old,
    { oldSize, newSize: size, oldRoot: old.rootHash, newRoot: rootHash, proof },
    note,
  );
}

/** A log that lost what it had signed proves its new tree right, and with that the old one wrong. */
function grownElsewhere(
  old: WitnessRecord,
  claim: Parameters<typeof explicitConsistency>[0] & { readonly newRoot: Uint8Array },
  note: string,
): ShownFork | undefined {
  const hashes = explicitConsistency(claim);
  try {
    const { oldRoot, newRoot } = rootsFromConsistency(nodeHasher, claim, hashes);
    if (!equalBytes(newRoot, claim.newRoot) || equalBytes(oldRoot, claim.oldRoot)) return undefined;
    return {
      evidence: { accused: 'log', kind: 'not-a-prefix', notes: [old.note, note], hashes },
      // Both of the older size: that which was cosigned, and that which the larger tree has.
      facts: factsOf([old.size, claim.newSize], claim.oldRoot, oldRoot),
    };
  } catch {
    return undefined; // TlogError malformed_proof: it has not the hashes that the sizes need
  }
}

function factsOf(sizes: readonly number[], expected: Uint8Array, actual: Uint8Array): AlertFacts {
  return { sizes, expectedHash: formatBase64(expected), actualHash: formatBase64(actual) };
}
