import { SharedMemory } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import { checkLength, hashKey, LETTER, numberedKey, readU64, sizeAt, writeU64 } from './rows.ts';

/*
 * Rows that a log of events has beside those of every log (spec/store.md STORE-13). What is encrypted is so with
 * associated data that name log and leaf.
 */

const KEY_BYTES = 32;
/** First byte of a payload row whose key comes of the seed in the slot of its leaf. */
const SEALED = 0;
const MAC_BYTES = 32;
/** Bytes of a name of a blob. */
export const BLOB_NAME_BYTES = 16;

/** Key of an event's encrypted payload. */
export function payloadKey(index: number): Uint8Array {
  return numberedKey(LETTER.payload, index);
}
/** Key of verbatim bytes that lie in the database, encrypted. */
export function rawKey(index: number): Uint8Array {
  return numberedKey(LETTER.raw, index);
}
/** Key of the name of a file with encrypted verbatim bytes. */
export function blobKey(index: number): Uint8Array {
  return numberedKey(LETTER.blob, index);
}
/** Key of an id: the HMAC of tenant and id. */
export function eventIdKey(hmac: Uint8Array): Uint8Array {
  return hashKey(LETTER.eventId, hmac, KEY_BYTES);
}
/** Key of a retry: an idempotency key's full 32 bytes. */
export function eventRetryKey(idempotencyKey: Uint8Array): Uint8Array {
  return hashKey(LETTER.eventRetry, idempotencyKey, KEY_BYTES);
}
/** Index of the leaf, from the key of a payload, of raw bytes or of a blob. */
export function eventIndexOf(key: Uint8Array): number {
  return readU64(key, 1);
}

/** An event as it is stored. */
export interface PayloadRow {
  /** HMAC of the event as it was sent: 32 bytes. */
  readonly sameMac: Uint8Array;
  /** Nonce, ciphertext and tag. */
  readonly sealed: Uint8Array;
}

const shared = new SharedMemory();

/** In memory that it shares with others. */
export function encodePayload({ sameMac, sealed }: PayloadRow): Uint8Array {
  const bytes = shared.take(1 + MAC_BYTES + sealed.length);
  bytes[0] = SEALED;
  bytes.set(sameMac, 1);
  bytes.set(sealed, 1 + MAC_BYTES);
  return bytes;
}

/** Shares memory. @throws TlogError storage_corrupt */
export function decodePayload(bytes: Uint8Array): PayloadRow {
  if (bytes[0] === SEALED && bytes.length > 1 + MAC_BYTES)
    return { sameMac: bytes.subarray(1, 1 + MAC_BYTES), sealed: bytes.subarray(1 + MAC_BYTES) };
  throw new TlogError('storage_corrupt', 'payload row has a form that is not known; run stele fsck');
}

/** The name of a file with encrypted verbatim bytes. Shares no memory. @throws TlogError storage_corrupt */
export function decodeBlobName(bytes: Uint8Array): Uint8Array {
  checkLength(bytes, BLOB_NAME_BYTES, 'blob');
  return bytes.slice();
}

/** Indexes as a retry is answered from: eight bytes each. */
export function encodeIndexes(indexes: readonly LeafIndex[]): Uint8Array {
  const bytes = new Uint8Array(8 * indexes.length);
  for (const [i, index] of indexes.entries()) writeU64(bytes, 8 * i, index);
  return bytes;
}

/** @throws TlogError storage_corrupt */
export function decodeIndexes(bytes: Uint8Array): readonly LeafIndex[] {
  const count = Math.max(1, Math.floor(bytes.length / 8));
  checkLength(bytes, 8 * count, 'event retry');
  return Array.from({ length: count }, (_, i) => leafIndex(sizeAt(bytes, 8 * i, 'event retry')));
}
