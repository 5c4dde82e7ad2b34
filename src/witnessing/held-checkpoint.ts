import { equalBytes } from '../core/bytes.ts';
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
  const facts = { log: log.name, origin: log.origin, witness, witnessSize: held.size, treeSize: head.size };
  const notes = [held.note, head.note];
  if (held.size > head.size) {
    const message = `a witness holds size ${held.size}, signed with the key of this log, which has ${head.size}: the data are older than what was signed, or somebody else has the key`;
    return { kind: 'witness_ahead', ...facts, notes, message };
  }
  if (equalBytes(await rootAt(log, held.size), held.rootHash)) return undefined;
  const evidence = formatEvidence(await evidenceOf(log, held));
  const message = `a witness holds another tree of size ${held.size}, signed with the key of this log: the log has forked`;
  return { kind: 'fork', ...facts, notes, message, evidence };
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

/** The error that a log ends with, once the alert is kept in a file. */
export function endingError(alert: WitnessingAlert, file: string): TlogError {
  const { kind, message, treeSize: dataSize, witnessSize } = alert;
  return new TlogError(kind, `${message}; see ${file}`, { details: { dataSize, witnessSize, file } });
}
