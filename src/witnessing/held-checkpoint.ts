import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import {
  type Evidence,
  evidenceOfConsistency,
  evidenceOfRoots,
  formatEvidence,
} from '../core/evidence/evidence.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from '../core/note/checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { treeSize } from '../core/units.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import type { SignedLog } from '../sequencer/signed-log.ts';
import { rootAt } from './root-at.ts';
import type { WitnessingAlert } from './witness-alert.ts';
import type { WitnessCalls } from './witness-calls.ts';

/** Whom a log asks what it holds. */
export interface HeldDeps {
  readonly log: SignedLog;
  readonly witness: { readonly vkey: string };
  readonly calls: Pick<WitnessCalls, 'held'>;
}

/**
 * What a witness shows that the log cannot have signed; undefined where it shows nothing of the sort, or nothing at all.
 * @throws TlogError unreachable
 */
export async function lookAtHeld(
  { log, witness, calls }: HeldDeps,
  signal: AbortSignal,
): Promise<WitnessingAlert | undefined> {
  const held = await calls.held(log.origin, signal).catch(unlessUnreachable);
  return held === undefined ? undefined : compareHeld(log, witness.vkey, held).catch(unsigned);
}

/**
 * What a checkpoint that a witness holds says of the log: only one that the log's own key signed says anything. Undefined
 * when it is one of the log's own past.
 * @throws TlogError as verifyCheckpoint when the log's key did not sign it
 */
async function compareHeld(
  log: SignedLog,
  witness: string,
  note: string,
): Promise<WitnessingAlert | undefined> {
  const logVerifiers = log.vkeys.map((vkey) => createNoteVerifier(vkey, ed25519Verify));
  const held = await verifyCheckpoint(note, { origin: log.origin, logVerifiers });
  // Whatever is signed is readable as the log head before it leaves, so it is asked for after the witness.
  const { head } = log;
  const who = { log: log.name, origin: log.origin, witness };
  const actualHash = formatBase64(held.rootHash);
  const facts = {
    ...who,
    witnessSize: held.size,
    treeSize: head.size,
    actualHash,
    notes: [held.note, head.note],
  };
  if (held.size > head.size) {
    const message = `a witness holds size ${held.size}, signed with the key of this log, which has ${head.size}: the data are older than what was signed, or somebody else has the key`;
    return { kind: 'witness_ahead', ...facts, expectedHash: formatBase64(head.rootHash), message };
  }
  const expected = await rootAt(log, held.size);
  if (equalBytes(expected, held.rootHash)) return undefined;
  const evidence = formatEvidence(await evidenceOf(log, held));
  const message = `a witness holds another tree of size ${held.size}, signed with the key of this log: the log has forked`;
  return { kind: 'fork', ...facts, expectedHash: formatBase64(expected), message, evidence };
}

/** The log never signs again what it has not kept: its head and the hashes that lead there convict as well. */
async function evidenceOf(log: SignedLog, held: VerifiedCheckpoint): Promise<Evidence> {
  const { head } = log;
  if (held.size === 0) return { accused: 'log', kind: 'empty-root', notes: [held.note] };
  if (held.size === head.size) return evidenceOfRoots(held.note, head.note);
  const { fromRootHash, proof } = await log.proveConsistency(held.size, head.size);
  const sizes = { oldSize: treeSize(held.size), newSize: head.size };
  return evidenceOfConsistency([held.note, head.note], { ...sizes, oldRoot: fromRootHash, proof });
}

/** An alert that ends the log: only what its own key has signed does. */
export type EndingAlert = WitnessingAlert & { readonly kind: 'fork' | 'witness_ahead' };

/** The error that a log ends with, once the alert is kept in a file, or as many are kept as may be. */
export function endingError(alert: EndingAlert, file = 'the files in alerts/'): TlogError {
  const { kind, message, treeSize: dataSize, witnessSize } = alert;
  return new TlogError(kind, `${message}; see ${file}`, { details: { dataSize, witnessSize, file } });
}

/** Whether the log ends with it. */
export function endsLog(alert: WitnessingAlert): alert is EndingAlert {
  return alert.kind === 'fork' || alert.kind === 'witness_ahead';
}

/** Some witnesses show what they hold elsewhere, or nowhere; one that is not there is looked at later. */
function unlessUnreachable(error: unknown): undefined {
  if (!(error instanceof TlogError) || error.code === 'unreachable') throw error;
}

/** What the log's key has not signed says nothing of the log. */
function unsigned(error: unknown): undefined {
  if (!(error instanceof TlogError) || (error.kind !== 'verification' && error.kind !== 'input')) throw error;
}
