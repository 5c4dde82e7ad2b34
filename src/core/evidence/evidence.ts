import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { parseShallowJson } from '../encoding/json.ts';
import { TlogError } from '../error.ts';
import { type ConsistencyClaim, explicitConsistency } from '../merkle/consistency.ts';
import { HASH_BYTES, type Hash } from '../merkle/hasher.ts';
import type { Receipt } from '../proof/receipt.ts';
import { type LeafIndex, leafIndex } from '../units.ts';

/** Longest evidence file read, in characters: two notes of the longest kind, escaped, and proofs. */
export const EVIDENCE_BYTES_MAX = 8_000_000;
const FORMAT = 'fork-evidence/1';
/** One hash more than a path can have: nothing longer is read. */
const HASHES_MAX = 64;

type Two<T> = readonly [T, T];

/**
 * What contradicts itself, without a word of who says so. Notes are whole and as they came; nothing is verified. Kinds
 * are those of EVIDENCE-2 and EVIDENCE-3.
 */
export type Evidence =
  | { readonly accused: 'log' | 'witness'; readonly kind: 'two-roots'; readonly notes: Two<string> }
  | {
      readonly accused: 'log' | 'witness';
      readonly kind: 'not-a-prefix';
      /** The smaller tree first. */
      readonly notes: Two<string>;
      /** The consistency proof with its first hash always explicit. */
      readonly hashes: readonly Hash[];
    }
  | {
      readonly accused: 'log';
      readonly kind: 'two-leaves';
      readonly notes: Two<string>;
      readonly index: LeafIndex;
      readonly leafHashes: Two<Hash>;
      readonly inclusionProofs: Two<readonly Hash[]>;
    }
  | { readonly accused: 'log'; readonly kind: 'empty-root'; readonly notes: readonly [string] }
  | {
      readonly accused: 'witness';
      readonly kind: 'backwards';
      /** The smaller tree, which was cosigned later, first. */
      readonly notes: Two<string>;
    };

/** Evidence against a log of two notes of one size with different root hashes. */
export function evidenceOfRoots(one: string, other: string): Evidence {
  return { accused: 'log', kind: 'two-roots', notes: [one, other] };
}

/**
 * Evidence against a log whose consistency proof leads to the larger root, and for the smaller size to another root than
 * the signed one. `oldRoot` is the one that the log names beside its proof.
 */
export function evidenceOfConsistency(
  notes: Two<string>,
  shown: Omit<ConsistencyClaim, 'newRoot'>,
): Evidence {
  return { accused: 'log', kind: 'not-a-prefix', notes, hashes: explicitConsistency(shown) };
}

/** Evidence against a log of two receipts of one index for different leaves. @throws RangeError for two indexes */
export function evidenceOfReceipts(one: Receipt, other: Receipt): Evidence {
  if (one.index !== other.index) throw new RangeError(`leaves ${one.index} and ${other.index}`);
  return {
    accused: 'log',
    kind: 'two-leaves',
    notes: [one.checkpoint, other.checkpoint],
    index: one.index,
    leafHashes: [one.leafHash, other.leafHash],
    inclusionProofs: [one.inclusionProof, other.inclusionProof],
  };
}

/** The file: one line of JSON with an LF. */
export function formatEvidence(evidence: Evidence): string {
  const { accused, kind, notes } = evidence;
  return `${JSON.stringify({ format: FORMAT, accused, kind, notes, ...proofMembers(evidence) })}\n`;
}

function proofMembers(evidence: Evidence): Readonly<Record<string, unknown>> {
  if (evidence.kind === 'not-a-prefix') return { hashes: evidence.hashes.map(formatBase64) };
  if (evidence.kind !== 'two-leaves') return {};
  const { index, leafHashes, inclusionProofs } = evidence;
  return {
    index,
    leafHashes: leafHashes.map(formatBase64),
    inclusionProofs: inclusionProofs.map((proof) => proof.map(formatBase64)),
  };
}

/** True iff a text says that it is fork evidence, in whatever version. */
export function isEvidence(text: string): boolean {
  return /^\s*\{/.test(text) && /"format"\s*:\s*"fork-evidence\//.test(text);
}

/** Evidence from its file; nothing is verified. @throws TlogError malformed_evidence */
export function parseEvidence(text: string): Evidence {
  try {
    if (text.length > EVIDENCE_BYTES_MAX) throw new TypeError(`longer than ${EVIDENCE_BYTES_MAX}`);
    return readEvidence(fieldsOf(parseShallowJson(text)));
  } catch (cause) {
    throw new TlogError('malformed_evidence', `not fork evidence: ${(cause as Error).message}`, { cause });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function readEvidence(fields: Fields): Evidence {
  if (fields['format'] !== FORMAT) throw new TypeError(`the format is not ${FORMAT}`);
  const { accused, kind } = fields;
  if (accused !== 'log' && accused !== 'witness')
    throw new TypeError('neither a log nor a witness is accused');
  if (kind === 'two-roots') {
    only(fields, []);
    return { accused, kind, notes: pairOf(fields['notes'], textOf) };
  }
  if (kind === 'not-a-prefix') {
    only(fields, ['hashes']);
    return { accused, kind, notes: pairOf(fields['notes'], textOf), hashes: hashesOf(fields['hashes']) };
  }
  return accused === 'log' ? readOfLog(fields) : readOfWitness(fields);
}

function readOfLog(fields: Fields): Evidence {
  const { kind, notes } = fields;
  if (kind === 'empty-root') {
    only(fields, []);
    if (!Array.isArray(notes) || notes.length !== 1) throw new TypeError('notes is not a list of one');
    return { accused: 'log', kind, notes: [textOf(notes[0])] };
  }
  if (kind !== 'two-leaves') throw new TypeError('no kind of evidence against a log');
  only(fields, ['index', 'leafHashes', 'inclusionProofs']);
  return {
    accused: 'log',
    kind,
    notes: pairOf(notes, textOf),
    index: indexOf(fields['index']),
    leafHashes: pairOf(fields['leafHashes'], hashOf),
    inclusionProofs: pairOf(fields['inclusionProofs'], hashesOf),
  };
}

function readOfWitness(fields: Fields): Evidence {
  const { kind, notes } = fields;
  if (kind !== 'backwards') throw new TypeError('no kind of evidence against a witness');
  only(fields, []);
  return { accused: 'witness', kind, notes: pairOf(notes, textOf) };
}

/** What nobody reads could mislead a person. */
function only(fields: Fields, names: readonly string[]): void {
  const known = ['format', 'accused', 'kind', 'notes', ...names];
  const other = Object.keys(fields).find((name) => !known.includes(name));
  if (other !== undefined)
    throw new TypeError(`it has the unknown member ${JSON.stringify(other.slice(0, 40))}`);
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('no JSON object');
  return value as Fields;
}

function pairOf<T>(value: unknown, read: (item: unknown) => T): Two<T> {
  if (!Array.isArray(value) || value.length !== 2) throw new TypeError('a list of two is missing');
  return [read(value[0]), read(value[1])];
}

function hashesOf(value: unknown): readonly Hash[] {
  if (!Array.isArray(value) || value.length > HASHES_MAX) throw new TypeError('a list of hashes is missing');
  return value.map(hashOf);
}

function hashOf(value: unknown): Hash {
  const hash = parseBase64(textOf(value));
  if (hash.length !== HASH_BYTES) throw new TypeError(`a hash has ${HASH_BYTES} bytes`);
  return hash;
}

function indexOf(value: unknown): LeafIndex {
  if (typeof value !== 'number') throw new TypeError('the index is missing');
  return leafIndex(value);
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text is missing');
  return value;
}
