import { createHash } from 'node:crypto';
import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import { SIZE_MAX, type TreeSize, treeSize } from '../core/units.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { IsAbove } from '../store/file-guard.ts';
import type { GuardMark } from '../store/guard.ts';

const LETTER = 0x77;
const HEADER_BYTES = 8 + 32 + 8;

/** What a witness has cosigned last for an origin. Spec WITNESS-4. */
export interface WitnessRecord {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  /** Time of the cosignature, POSIX seconds. */
  readonly timeSec: number;
  /** The checkpoint with the log's signatures that held. */
  readonly note: string;
}

/** The SHA-256 of an origin: the name of its guard, and of its resource over HTTP. */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

/** Key of an origin's record. */
export function recordKey(hash: string): Uint8Array {
  return Uint8Array.from([LETTER, ...Buffer.from(hash, 'hex')]);
}

/** u64 size, root hash, u64 time, note. */
export function encodeRecord({ size, rootHash, timeSec, note }: WitnessRecord): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeBigUInt64BE(BigInt(size), 0);
  header.set(rootHash, 8);
  header.writeBigUInt64BE(BigInt(timeSec), 40);
  return Buffer.concat([header, Buffer.from(note)]);
}

/** @throws TlogError storage_corrupt */
export function decodeRecord(bytes: Uint8Array): WitnessRecord {
  if (bytes.length < HEADER_BYTES) throw corrupt('is cut short');
  const row = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const note = utf8Decode(bytes.subarray(HEADER_BYTES));
  if (note === undefined) throw corrupt('has a note that is not UTF-8');
  return {
    size: treeSize(numberAt(row, 0)),
    rootHash: Uint8Array.from(row.subarray(8, 40)),
    timeSec: numberAt(row, 40),
    note,
  };
}

function numberAt(row: Buffer, offset: number): number {
  const value = row.readBigUInt64BE(offset);
  if (value > BigInt(SIZE_MAX)) throw corrupt('has a number over 2^53 - 1');
  return Number(value);
}

function corrupt(what: string): TlogError {
  return new TlogError('storage_corrupt', `a record of a witness ${what}`);
}

/** The mark of an origin for which nothing has been cosigned yet. */
export const FRESH_MARK: GuardMark = {
  size: treeSize(0),
  rootHash: nodeHasher.emptyRoot,
  note: markText(0, ''),
};

/** What the guard keeps of a record: all but the note, of which it has the hash. */
export function markOf({ size, rootHash, timeSec, note }: WitnessRecord): GuardMark {
  return { size, rootHash, note: markText(timeSec, note) };
}

function markText(timeSec: number, note: string): string {
  return `time ${timeSec}\nnote ${createHash('sha256').update(note).digest('hex')}\n`;
}

/** POSIX seconds in a mark. @throws TlogError guard_unreadable */
function timeOf({ note }: GuardMark): number {
  const digits = /^time (0|[1-9][0-9]{0,15})\nnote [0-9a-f]{64}\n$/.exec(note)?.[1];
  if (digits !== undefined) return Number(digits);
  throw new TlogError('guard_unreadable', 'the guard is not that of a witness: restore the right one');
}

/** A witness signs one size again and again, so its marks are ordered by time, too. */
export const isAbove: IsAbove = (mark, other) =>
  mark.size > other.size || (mark.size === other.size && timeOf(mark) > timeOf(other));

/**
 * Checks a stored record against its guard. The record is written before the guard is raised: it may be newer than the
 * mark, never older.
 * @throws TlogError record_lost, guard_conflict, guard_unreadable
 */
export function checkRecord(record: WitnessRecord | undefined, mark: GuardMark): void {
  const known = record === undefined ? FRESH_MARK : markOf(record);
  if (isAbove(known, mark)) return;
  const details = {
    sizes: [mark.size, known.size].map(String),
    expectedHash: formatBase64(mark.rootHash),
    actualHash: formatBase64(known.rootHash),
  };
  if (isAbove(mark, known))
    throw new TlogError(
      'record_lost',
      `the guard has seen size ${mark.size} at second ${timeOf(mark)}, the database ${
        record === undefined ? 'nothing' : `size ${known.size} at second ${timeOf(known)}`
      }: restore newer data; nothing is taken of this log until then`,
      { details },
    );
  if (known.note === mark.note && equalBytes(known.rootHash, mark.rootHash)) return;
  throw new TlogError(
    'guard_conflict',
    `guard and database hold different checkpoints of size ${mark.size}`,
    {
      details,
    },
  );
}

/** Codes of what is in doubt of one log: record or guard. */
const IN_DOUBT: readonly string[] = [
  'record_lost',
  'storage_corrupt',
  'guard_missing',
  'guard_unreadable',
  'guard_conflict',
];

/** Whether a failure to take up a log refuses that log alone; with any other nothing starts. */
export function refusesOneLog(error: unknown): error is TlogError {
  return error instanceof TlogError && IN_DOUBT.includes(error.code);
}
