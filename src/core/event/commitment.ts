import { sha256 } from '@noble/hashes/sha2.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '../bytes.ts';
import { canonicalJson } from '../encoding/canonical-json.ts';
import type { JsonObject } from '../encoding/strict-json.ts';
import { utf8Encode } from '../encoding/utf8.ts';
import { createTreeHasher, HASH_BYTES, type Hash, type Sha256, type TreeHasher } from '../merkle/hasher.ts';
import { SLOT_NAMES } from './slots.ts';

/** Length of an event's secret, and of the salt of each slot. */
export const SEED_BYTES = 32;

/** The hashes that an event's commitment is made of, beside those of the tree. */
export interface EventHasher extends TreeHasher {
  readonly sha256: Sha256;
  /** The first `length` bytes of SHAKE256 (FIPS 202). */
  shake256(bytes: Uint8Array, length: number): Uint8Array;
}

/** Runs everywhere, browsers included. */
export const portableEventHasher: EventHasher = {
  ...createTreeHasher((bytes) => sha256(bytes)),
  sha256: (bytes) => sha256(bytes),
  shake256: (bytes, dkLen) => shake256(bytes, { dkLen }),
};

const SALTS_LABEL = utf8Encode('stele/salts/v1\0');
const SLOT_LABEL = utf8Encode('stele/slot/v1\0');
const NO_TEXT = new Uint8Array(0);
const EVENT_LABEL = utf8Encode('stele/event/v1\0');

/** The nine salts, of 32 bytes each, that come of an event's seed. @throws RangeError unless it has 32 bytes */
export function slotSalts({ shake256 }: EventHasher, seed: Uint8Array): readonly Uint8Array[] {
  if (seed.length !== SEED_BYTES) throw new RangeError(`a seed of ${seed.length} bytes`);
  const salts = shake256(concatBytes(SALTS_LABEL, seed), SLOT_NAMES.length * SEED_BYTES);
  return SLOT_NAMES.map((_, slot) => salts.slice(slot * SEED_BYTES, (slot + 1) * SEED_BYTES));
}

/** The digest of slot `slot`, a number from 0; null is the empty one, which has a digest like any other. */
export function slotDigest(
  { sha256 }: EventHasher,
  slot: number,
  { salt, value }: { readonly salt: Uint8Array; readonly value: JsonObject | null },
): Hash {
  const text = value === null ? NO_TEXT : utf8Encode(canonicalJson(value));
  const bytes = new Uint8Array(SLOT_LABEL.length + salt.length + 2 + text.length);
  bytes.set(SLOT_LABEL);
  bytes.set(salt, SLOT_LABEL.length);
  bytes[SLOT_LABEL.length + salt.length] = slot;
  bytes[SLOT_LABEL.length + salt.length + 1] = value === null ? 0 : 1;
  bytes.set(text, SLOT_LABEL.length + salt.length + 2);
  return sha256(bytes);
}

/** What a leaf holds of an event. @throws RangeError unless there are nine digests of 32 bytes */
export function commitmentOf({ sha256 }: EventHasher, digests: readonly Hash[]): Hash {
  if (digests.length !== SLOT_NAMES.length || digests.some(({ length }) => length !== HASH_BYTES))
    throw new RangeError('a commitment is made of nine digests of 32 bytes');
  return sha256(concatBytes(EVENT_LABEL, Uint8Array.of(digests.length), ...digests));
}
