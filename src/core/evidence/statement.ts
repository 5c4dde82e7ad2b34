import { TlogError } from '../error.ts';
import { type Checkpoint, parseCheckpoint, verifyCheckpoint } from '../note/checkpoint.ts';
import { createCosignatureVerifier } from '../note/cosignature.ts';
import type { VerifierKey } from '../note/key.ts';
import { verifyNote } from '../note/signed-note.ts';
import { createNoteVerifier, type Ed25519Verify } from '../note/verifier.ts';

/** A checkpoint that the accused has signed. */
export interface Statement {
  readonly checkpoint: Checkpoint;
  /** POSIX seconds of a witness's cosignatures, at least one; empty for a log. */
  readonly timesSec: readonly number[];
}

/** What a log's keys have signed; their common name is the origin. @throws as verifyCheckpoint */
export async function logStatement(
  note: string,
  keys: readonly [VerifierKey, ...VerifierKey[]],
  ed25519: Ed25519Verify,
): Promise<Statement> {
  const logVerifiers = keys.map((key) => createNoteVerifier(key, ed25519));
  return { checkpoint: await verifyCheckpoint(note, { origin: keys[0].name, logVerifiers }), timesSec: [] };
}

/**
 * What a witness has cosigned. A cosignature without a time does not say that its tree is the largest seen, so it does
 * not count. @throws as verifyCheckpoint
 */
export async function witnessStatement(
  note: string,
  key: VerifierKey,
  ed25519: Ed25519Verify,
): Promise<Statement> {
  const verifier = createCosignatureVerifier(key, ed25519);
  const { text, verified } = await verifyNote(note, [verifier]);
  const timesSec = verified.map(({ signature }) => verifier.time(signature)).filter((time) => time > 0);
  if (timesSec.length === 0)
    throw new TlogError('unverified_note', 'the witness gave no time with its cosignature');
  return { checkpoint: parseCheckpoint(text), timesSec };
}
