import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError, type TlogErrorOptions } from '../core/error.ts';
import { evidenceOfConsistency, formatEvidence } from '../core/evidence/evidence.ts';
import { type ConsistencyClaim, verifyConsistency } from '../core/merkle/consistency.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { type ConsistencyAnswer, readConsistency } from './answers.ts';
import type { LogCalls } from './log-calls.ts';
import { compareWithMark, type Mark } from './mark.ts';

const ANSWER_BYTES_MAX = 1024 * 1024;

/** What a consistency check asks and hashes with. */
export interface ConsistencyDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
}

/** Two signed checkpoints of one log; which is larger does not matter. */
export interface TwoMarks {
  readonly kept: Mark;
  readonly fresh: Mark;
  readonly signal: AbortSignal | undefined;
}

/**
 * Shows that the smaller of two trees is a prefix of the larger, asking the log where sizes do not tell. Gives back
 * the proof, of no hashes for one size or size 0.
 * @throws TlogError fork when the log's own answer shows two trees, rollback when it no longer knows a size that it
 * signed, proof_mismatch or malformed_proof for a wrong proof; each with both notes in `details`, and for a
 * fork the text of a file that convicts the log, `evidence`
 */
export async function proveConsistent(
  deps: ConsistencyDeps,
  { kept, fresh, signal }: TwoMarks,
): Promise<readonly Hash[]> {
  const notes = { keptNote: kept.note, freshNote: fresh.note };
  const [older, newer] = kept.size <= fresh.size ? [kept, fresh] : [fresh, kept];
  if (compareWithMark(older, newer) === 'same') return [];
  const answer = older.size === 0 ? NOTHING : await ask(deps.calls, older, newer, { signal, notes });
  const { consistencyProof: proof } = answer;
  const sizes = { oldSize: older.size, newSize: newer.size, newRoot: newer.rootHash, proof };
  try {
    verifyConsistency(deps.hasher, { ...sizes, oldRoot: older.rootHash });
    return proof;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const asAnswered = { ...sizes, oldRoot: answer.fromRootHash };
    const pair = [older.note, newer.note] as const;
    throw refusal(deps.hasher, asAnswered, { cause: error, details: notes, pair });
  }
}

type Notes = NonNullable<TlogErrorOptions['details']>;
const NOTHING: ConsistencyAnswer = { fromRootHash: new Uint8Array(0), consistencyProof: [] };

async function ask(
  calls: LogCalls,
  older: Mark,
  newer: Mark,
  { signal, notes }: { readonly signal: AbortSignal | undefined; readonly notes: Notes },
): Promise<ConsistencyAnswer> {
  const path = `proofs/consistency?from=${older.size}&to=${newer.size}`;
  try {
    return readConsistency((await calls.askFields({ path, bytesMax: ANSWER_BYTES_MAX, signal })).fields);
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code !== 'beyond_log_head') throw cause;
    const message = `the log signed size ${newer.size} and does not know it; keep both notes and ask its operator`;
    throw new TlogError('rollback', message, { cause, details: notes });
  }
}

/** With the old root that the answer names, the proof may hold: then the log has shown its second tree itself. */
function refusal(
  hasher: TreeHasher,
  asAnswered: ConsistencyClaim,
  {
    cause,
    details,
    pair,
  }: { readonly cause: TlogError; readonly details: Notes; readonly pair: readonly [string, string] },
): TlogError {
  const { oldSize, newSize, proof } = asAnswered;
  const given = proof.map(formatBase64);
  if (!holds(hasher, asAnswered)) {
    const options = { cause, details: { ...details, consistencyProof: given } };
    return new TlogError(cause.code, `${cause.message}; keep both notes`, options);
  }
  const message = `the tree of size ${newSize} does not extend the one signed for ${oldSize}; the notes are evidence`;
  const evidence = formatEvidence(evidenceOfConsistency(pair, asAnswered));
  return new TlogError('fork', message, {
    cause,
    details: { ...details, consistencyProof: given, evidence },
  });
}

function holds(hasher: TreeHasher, claim: ConsistencyClaim): boolean {
  try {
    verifyConsistency(hasher, claim);
    return true;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return false;
  }
}
