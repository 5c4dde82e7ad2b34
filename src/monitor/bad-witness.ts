import type { LogTrust } from '../client/trust.ts';
import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { type Evidence, formatEvidence, parseEvidence } from '../core/evidence/evidence.ts';
import { judgeEvidence } from '../core/evidence/judge.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { createCosignatureVerifier, decodeCosignature } from '../core/note/cosignature.ts';
import { COSIGNATURE_V1, formatVerifierKey, type VerifierKey } from '../core/note/key.ts';
import { type ParsedNote, parseNote } from '../core/note/signed-note.ts';
import type { SignedTree } from './fork.ts';
import type { Observation } from './observation.ts';

/** Of whom a monitor knows keys: those of the log, and of the witnesses of its policy. */
export type KnownWitnesses = Pick<LogTrust, 'witnesses' | 'ed25519'>;

/** A fork of a log, and behind it the witnesses that have cosigned both sides, where there are any. Others come back alone. */
export async function withWitnesses(
  hasher: TreeHasher,
  observation: Observation,
  trust: KnownWitnesses,
): Promise<Observation[]> {
  if (observation.kind !== 'fork' || observation.evidence === undefined) return [observation];
  const evidence = parseEvidence(observation.evidence);
  if (evidence.kind !== 'two-roots' && evidence.kind !== 'not-a-prefix') return [observation];
  return [observation, ...(await convicted(hasher, { ...evidence, accused: 'witness' }, trust))];
}

/** Witnesses that have cosigned the smaller of two trees after the larger: an honest one never goes back. */
export async function wentBackwards(
  hasher: TreeHasher,
  one: SignedTree,
  other: SignedTree,
  trust: KnownWitnesses,
): Promise<Observation[]> {
  if (one.size === other.size) return [];
  const notes = one.size < other.size ? ([one.note, other.note] as const) : ([other.note, one.note] as const);
  const witnesses = await seemBackwards(notes, trust);
  return convicted(hasher, { accused: 'witness', kind: 'backwards', notes }, { ...trust, witnesses });
}

/**
 * Whose latest cosignature on the smaller tree holds, and is later than one on the larger. Anybody can hand over notes with a hundred lines: those
 * of all others cost no verification.
 */
async function seemBackwards(
  [smaller, larger]: readonly [string, string],
  { witnesses, ed25519 }: KnownWitnesses,
): Promise<VerifierKey[]> {
  const [late, early] = [parseNote(smaller), parseNote(larger)];
  const found: VerifierKey[] = [];
  for (const key of witnesses.filter(({ type }) => type === COSIGNATURE_V1)) {
    const latest = timedLines(late, key).at(-1);
    const first = timedLines(early, key)[0];
    if (latest === undefined || first === undefined || latest.timeSec <= first.timeSec) continue;
    const verifier = createCosignatureVerifier(key, ed25519);
    if (await verifier.verify(utf8Encode(late.text), latest.signature)) found.push(key);
  }
  return found;
}

interface TimedLine {
  readonly timeSec: number;
  readonly signature: Uint8Array;
}

/** The lines of a witness in the order of the times that they claim; one without a time is none. */
function timedLines({ signatures }: ParsedNote, { name, keyId }: VerifierKey): readonly TimedLine[] {
  return signatures
    .filter((line) => line.name === name && line.keyId === keyId)
    .flatMap(({ signature }) => timedLine(signature))
    .sort((a, b) => a.timeSec - b.timeSec);
}

function timedLine(signature: Uint8Array): TimedLine[] {
  try {
    return [{ timeSec: decodeCosignature(signature).timeSec, signature }];
  } catch {
    return []; // TlogError malformed_note: no length or time of a cosignature
  }
}

/** One observation for each whom the file convicts: all are in the same one. */
async function convicted(
  hasher: TreeHasher,
  evidence: Evidence,
  { witnesses, ed25519 }: KnownWitnesses,
): Promise<Observation[]> {
  const what = evidence.kind === 'backwards' ? 'a smaller tree after a larger one' : 'two histories';
  const found: Observation[] = [];
  for (const key of witnesses) {
    const conviction = await judgeEvidence(hasher, evidence, { keys: [key], ed25519 }).catch(unlessInnocent);
    if (conviction === undefined) continue;
    const { sizes } = conviction;
    const cause = formatVerifierKey(key);
    const message = `${cause} cosigned ${what}: sizes ${sizes.join(' and ')}; the notes are evidence`;
    found.push({ kind: 'bad_witness', message, sizes, cause, evidence: formatEvidence(evidence) });
  }
  return found;
}

function unlessInnocent(error: unknown): undefined {
  if (error instanceof TlogError) return undefined;
  throw error;
}
