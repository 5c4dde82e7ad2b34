import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { verifyCheckpoint } from '../core/note/checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import type { SignedHead } from '../sequencer/log.ts';

/** Whose heads are right. */
export interface HeadTrust {
  readonly origin: string;
  readonly vkeys: readonly string[];
}

/**
 * Accepts heads that a key of the log has signed and whose note says the size and root that they are kept for.
 * What it gives throws the errors of verifyCheckpoint, and proof_mismatch.
 */
export function headVerifier({ origin, vkeys }: HeadTrust): (head: SignedHead) => Promise<void> {
  const logVerifiers = vkeys.map((vkey) => createNoteVerifier(vkey, ed25519Verify));
  return async (head) => {
    const { size, rootHash } = await verifyCheckpoint(head.note, { origin, logVerifiers });
    if (size === head.size && equalBytes(rootHash, head.rootHash)) return;
    throw new TlogError('proof_mismatch', `the head kept for size ${head.size} is of another tree`);
  };
}
