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
import type { Log } from '../sequencer/log.ts';
import { rootAt } from './root-at.ts';
import type { WitnessingAlert } from './witness-alert.ts';

/** What a log is compared by. */
export type ComparedLog = Pick<Log, 'name' | 'origin' | 'vkeys' | 'head' | 'proveConsistency'>;

/**
 * What a checkpoint that a witness holds says of the log: only one that the log's own key signed says anything. Undefined
 * when it is one of the log's own past.
 * @throws TlogError as verifyCheckpoint when the log's key did not sign it
 */
export async function compareHeld(
  log: ComparedLog,
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
async function evidenceOf(log: ComparedLog, held: VerifiedCheckpoint): Promise<Evidence> {
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
