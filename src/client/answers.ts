import { parseBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import { HASH_BYTES, type Hash } from '../core/merkle/hasher.ts';
import { MULTI_PROOF_LEAVES_MAX } from '../core/merkle/multi-proof.ts';
import { parseReceipt, type Receipt } from '../core/proof/receipt.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../core/units.ts';
import type { Mark } from './mark.ts';

/** Most entries of one batch, so most indexes in an answer. */
export const BATCH_ENTRIES_MAX: number = MULTI_PROOF_LEAVES_MAX;
/** Most heads in one page of kept checkpoints. */
export const HEADS_PAGE_MAX = 1_000;
/** Most hashes that a consistency or inclusion proof can hold, with room. */
const PROOF_HASHES_MAX = 64;
/** A multi-proof of 4,096 leaves has fewer. */
const MULTI_NODES_MAX = MULTI_PROOF_LEAVES_MAX * 53;

type Fields = Readonly<Record<string, unknown>>;

/** What a batch is answered with. Nothing of any of these is verified. */
export interface BatchAnswer {
  readonly indexes: readonly LeafIndex[];
  readonly isNew: readonly boolean[];
  /** The whole signed note. */
  readonly checkpoint: string;
}

/** An inclusion proof; `checkpoint`, the whole signed note, is there when it is for the published head. */
export interface InclusionAnswer {
  readonly index: LeafIndex;
  readonly leafHash: Hash;
  readonly inclusionProof: readonly Hash[];
  readonly checkpoint: string | undefined;
}

export interface ConsistencyAnswer {
  readonly fromRootHash: Hash;
  readonly consistencyProof: readonly Hash[];
}

export interface MultiAnswer {
  readonly leafHashes: readonly Hash[];
  readonly nodes: readonly Hash[];
  readonly checkpoint: string | undefined;
}

/** @throws TlogError malformed_answer, as all of these */
export function readReceipt(json: unknown): Receipt {
  return reading('a receipt', json, parseReceipt);
}

export function readBatch(json: unknown): BatchAnswer {
  return reading('a batch answer', json, (fields) => ({
    indexes: listOf(fields['indexes'], BATCH_ENTRIES_MAX, indexOf),
    isNew: listOf(fields['new'], BATCH_ENTRIES_MAX, booleanOf),
    checkpoint: stringOf(fields['checkpoint']),
  }));
}

export function readInclusion(json: unknown): InclusionAnswer {
  return reading('an inclusion proof', json, (fields) => ({
    index: indexOf(fields['index']),
    leafHash: hashOf(fields['leafHash']),
    inclusionProof: listOf(fields['inclusionProof'], PROOF_HASHES_MAX, hashOf),
    checkpoint: optionalText(fields['checkpoint']),
  }));
}

export function readConsistency(json: unknown): ConsistencyAnswer {
  return reading('a consistency proof', json, (fields) => ({
    fromRootHash: hashOf(fields['fromRootHash']),
    consistencyProof: listOf(fields['consistencyProof'], PROOF_HASHES_MAX, hashOf),
  }));
}

export function readMulti(json: unknown): MultiAnswer {
  return reading('a multi-proof', json, (fields) => ({
    leafHashes: listOf(fields['leafHashes'], MULTI_PROOF_LEAVES_MAX, hashOf),
    nodes: listOf(fields['nodes'], MULTI_NODES_MAX, hashOf),
    checkpoint: optionalText(fields['checkpoint']),
  }));
}

/** How the log treats repeats. */
export function readDuplicates(json: unknown): string {
  return reading('a description of a log', json, (fields) => stringOf(fields['duplicates']));
}

/** Kept heads from a size on: they must ascend, or a walk over the pages could have no end. */
export function readHeads(json: unknown, from: TreeSize): readonly Mark[] {
  return reading('a page of checkpoints', json, (fields) => {
    const heads = listOf(fields['checkpoints'], HEADS_PAGE_MAX, headOf);
    heads.forEach(({ size }, i) => {
      if (size < (i === 0 ? from : Number(heads[i - 1]?.size) + 1)) throw new TypeError('sizes must ascend');
    });
    return heads;
  });
}

function headOf(value: unknown): Mark {
  const fields = fieldsOf(value);
  return {
    size: treeSize(numberOf(fields['treeSize'])),
    rootHash: hashOf(fields['rootHash']),
    note: stringOf(fields['checkpoint']),
  };
}

function reading<T>(what: string, json: unknown, read: (fields: Fields) => T): T {
  try {
    return read(fieldsOf(json));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new TlogError('malformed_answer', `not ${what}: ${why}`, { cause });
  }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new TypeError('no JSON object');
  return value as Fields;
}

function listOf<T>(value: unknown, lengthMax: number, read: (item: unknown) => T): T[] {
  if (!Array.isArray(value)) throw new TypeError('a list is missing');
  if (value.length > lengthMax)
    throw new TypeError(`a list has ${value.length} items; ${lengthMax} is the most`);
  return value.map((item: unknown) => read(item));
}

function hashOf(value: unknown): Hash {
  // JSON has base64, CBOR has byte strings.
  const hash = value instanceof Uint8Array ? Uint8Array.from(value) : parseBase64(stringOf(value));
  if (hash.length !== HASH_BYTES) throw new TypeError(`a hash has ${hash.length} bytes`);
  return hash;
}

function indexOf(value: unknown): LeafIndex {
  return leafIndex(numberOf(value));
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('a number is missing');
  return value;
}

function booleanOf(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError('true or false is missing');
  return value;
}

function optionalText(value: unknown): string | undefined {
  return value === undefined ? undefined : stringOf(value);
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text is missing');
  return value;
}
