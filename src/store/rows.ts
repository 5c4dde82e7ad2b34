import { SharedMemory } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../core/units.ts';
import type { KeyRange } from './store.ts';

/*
 * Rows of a log's database (spec/store.md). A key is one letter and big-endian numbers, so that byte order is
 * numeric order.
 */

const U32 = 2 ** 32;
const ROOT_BYTES = 32;
/** Bytes of a leaf hash in an index key. The full hash is compared on every hit, so a collision misleads nobody. */
export const LEAF_KEY_BYTES = 16;

/** The first byte of a key says what the row is. */
export const LETTER = {
  bundle: 0x62,
  kept: 0x63,
  edge: 0x65,
  blob: 0x66,
  leaf: 0x68,
  eventId: 0x69,
  eventRetry: 0x6a,
  retry: 0x6b,
  open: 0x6f,
  payload: 0x70,
  raw: 0x72,
  state: 0x73,
  tile: 0x74,
} as const;

/** Writes a number up to 2^53 - 1. */
export function writeU64(bytes: Uint8Array, offset: number, n: number): void {
  writeU32(bytes, offset, Math.floor(n / U32));
  writeU32(bytes, offset + 4, n % U32);
}

/** Without a DataView: that would give a short array memory of its own, at five times the price. */
export function writeU32(bytes: Uint8Array, offset: number, n: number): void {
  bytes[offset] = n >>> 24;
  bytes[offset + 1] = n >>> 16;
  bytes[offset + 2] = n >>> 8;
  bytes[offset + 3] = n;
}

/** Reads a number; one beyond 2^53 - 1 is no safe integer. */
export function readU64(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(offset) * U32 + view.getUint32(offset + 4);
}

/** LevelDB would give keys and values memory of their own. Little is shared, since whoever keeps one keeps it all. */
const shared = new SharedMemory(4_096);

/** A letter and a number. */
export function numberedKey(letter: number, n: number): Uint8Array {
  const key = shared.take(9);
  key[0] = letter;
  writeU64(key, 1, n);
  return key;
}

/** A letter and the first bytes of a hash. */
export function hashKey(letter: number, hash: Uint8Array, length: number): Uint8Array {
  const key = shared.take(1 + length);
  key[0] = letter;
  for (let i = 0; i < length; i += 1) key[1 + i] = hash[i] as number;
  return key;
}

/** Key of the record with one commit's entries in the open bundle; `start` is the index of its first. */
export function edgeKey(start: number): Uint8Array {
  return numberedKey(LETTER.edge, start);
}
/** Every edge record with a first entry in [start, end). */
export function edgeRange(start: number, end: number): KeyRange {
  return { start: edgeKey(start), end: edgeKey(end) };
}
/** Index of the first entry of an edge record, from its key. */
export function edgeStart(key: Uint8Array): number {
  return readU64(key, 1);
}
/** Key of a full entry bundle. */
export function bundleKey(index: number): Uint8Array {
  return numberedKey(LETTER.bundle, index);
}
/** Key of a full tile. */
export function tileKey(level: number, index: number): Uint8Array {
  const key = new Uint8Array(10);
  key[0] = LETTER.tile;
  key[1] = level;
  writeU64(key, 2, index);
  return key;
}
/** Key of the leaf-hash index. */
export function leafKey(leafHash: Hash): Uint8Array {
  return hashKey(LETTER.leaf, leafHash, LEAF_KEY_BYTES);
}
/** Key of a retry: an idempotency key's full 32 bytes. */
export function retryKey(idempotencyKey: Uint8Array): Uint8Array {
  return hashKey(LETTER.retry, idempotencyKey, ROOT_BYTES);
}
/** Key of a kept head. */
export function keptKey(size: number): Uint8Array {
  return numberedKey(LETTER.kept, size);
}
/** Kept heads of sizes [start, end). */
export function keptRange(start: number, end: number): KeyRange {
  return { start: keptKey(start), end: keptKey(end) };
}
/** Size of a kept head, from its key. */
export function keptSize(key: Uint8Array): number {
  return readU64(key, 1);
}
/** Every row of one sort from a key on, which is left out; without one, all of them. */
export function rowsAfter(letter: number, after?: Uint8Array): KeyRange {
  // The next key in byte order is the same with a zero byte behind.
  const start = after === undefined ? Uint8Array.of(letter) : new Uint8Array([...after, 0]);
  return { start, end: Uint8Array.of(letter + 1) };
}
/** Key of the tree's state. */
export const STATE_KEY: Uint8Array = Uint8Array.of(LETTER.state);
/** Key of the marker that tells a clean stop from a crash. */
export const OPEN_KEY: Uint8Array = Uint8Array.of(LETTER.open);

/** The tree as of one commit. `committedAtMs` is wall time, for choosing which heads to keep. */
export interface StateRow {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly committedAtMs: number;
  /** One more than the size of the newest kept head; 0: none is known. */
  readonly keptEnd: number;
}

const STATE_BYTES = 16 + ROOT_BYTES;

export function encodeState(state: StateRow): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES + (state.keptEnd === 0 ? 0 : 8));
  writeU64(bytes, 0, state.size);
  bytes.set(state.rootHash, 8);
  writeU64(bytes, 8 + ROOT_BYTES, state.committedAtMs);
  if (state.keptEnd !== 0) writeU64(bytes, STATE_BYTES, state.keptEnd);
  return bytes;
}

/** A number that can be a size. @throws TlogError storage_corrupt */
export function sizeAt(bytes: Uint8Array, offset: number, row: string): number {
  const n = readU64(bytes, offset);
  if (Number.isSafeInteger(n)) return n;
  throw new TlogError('storage_corrupt', `${row} row has a number over 2^53 - 1; run stele fsck`);
}

/** @throws TlogError storage_corrupt */
export function decodeState(bytes: Uint8Array): StateRow {
  // Without the last number where no head is kept yet, or none was linked.
  const hasKept = bytes.length === STATE_BYTES + 8;
  if (!hasKept) checkLength(bytes, STATE_BYTES, 'state');
  const keptEnd = hasKept ? sizeAt(bytes, STATE_BYTES, 'state') : 0;
  if (hasKept && keptEnd === 0)
    throw new TlogError('storage_corrupt', 'state row names no kept head in 8 bytes; run stele fsck');
  return {
    size: treeSize(sizeAt(bytes, 0, 'state')),
    rootHash: bytes.slice(8, 8 + ROOT_BYTES),
    committedAtMs: sizeAt(bytes, 8 + ROOT_BYTES, 'state'),
    keptEnd,
  };
}

/** A kept head and its link to the one before, so that a head that is gone leaves a gap (spec STORE-12). */
export interface KeptRow {
  /** One more than the size of the kept head before; 0: none is known. */
  readonly keptEnd: number;
  /** The signed note. */
  readonly note: Uint8Array;
}

/** The note alone where there is no link. A note begins with an origin, never with a zero byte, and a u64 always does. */
export function encodeKept({ keptEnd, note }: KeptRow): Uint8Array {
  if (keptEnd === 0) return note;
  const bytes = new Uint8Array(8 + note.length);
  writeU64(bytes, 0, keptEnd);
  bytes.set(note, 8);
  return bytes;
}

/** Never throws: what is no note is for its reader to tell. */
export function decodeKept(bytes: Uint8Array): KeptRow {
  const isLinked = bytes[0] === 0 && bytes.length > 8;
  return isLinked ? { keptEnd: readU64(bytes, 0), note: bytes.subarray(8) } : { keptEnd: 0, note: bytes };
}

/**
 * Size of a kept head that is gone; undefined where all are there, or nobody knows.
 * @param end one more than the last head that was read, or where reading began
 * @param keptEnd what the next head says of the one before it, or the state of the newest
 */
export function missingBefore(end: number, keptEnd: number): number | undefined {
  return keptEnd > end ? keptEnd - 1 : undefined;
}

/** What a retried request is answered from. */
export interface RetryRow {
  readonly firstIndex: LeafIndex;
  readonly count: number;
  readonly contentHash: Uint8Array;
}

/** A retry with the idempotency key (32 bytes) that it answers. */
export interface KeyedRetry extends RetryRow {
  readonly key: Uint8Array;
}

export function encodeRetry(row: RetryRow): Uint8Array {
  const bytes = new Uint8Array(10 + ROOT_BYTES);
  writeU64(bytes, 0, row.firstIndex);
  new DataView(bytes.buffer).setUint16(8, row.count);
  bytes.set(row.contentHash, 10);
  return bytes;
}

/** @throws TlogError storage_corrupt */
export function decodeRetry(bytes: Uint8Array): RetryRow {
  checkLength(bytes, 10 + ROOT_BYTES, 'retry');
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8);
  return { firstIndex: leafIndex(sizeAt(bytes, 0, 'retry')), count, contentHash: bytes.slice(10) };
}

export function encodeIndex(index: LeafIndex): Uint8Array {
  const bytes = shared.take(8);
  writeU64(bytes, 0, index);
  return bytes;
}

/** @throws TlogError storage_corrupt */
export function decodeIndex(bytes: Uint8Array): LeafIndex {
  checkLength(bytes, 8, 'leaf index');
  return leafIndex(sizeAt(bytes, 0, 'leaf index'));
}

/** @throws TlogError storage_corrupt */
export function checkLength(bytes: Uint8Array, length: number, row: string): void {
  if (bytes.length === length) return;
  throw new TlogError(
    'storage_corrupt',
    `${row} row has ${bytes.length} bytes instead of ${length}; run stele fsck`,
  );
}
