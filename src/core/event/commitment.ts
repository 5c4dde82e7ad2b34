import { sha256 } from '@noble/hashes/sha2.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '../bytes.ts';
import { canonicalJson } from '../encoding/canonical-json.ts';
import type { JsonObject } from '../encoding/strict-json.ts';
import { utf8Encode } from '../encoding/utf8.ts';
import { createTreeHasher, HASH_BYTES, type Hash, type Sha256, type TreeHasher } from '../merkle/hasher.ts';
import { SLOT_NAMES, slotTexts } from './slots.ts';

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
const EVENT_LABEL = utf8Encode('stele/event/v1\0');

/** The nine salts, of 32 bytes each, that come of an event's seed. @throws RangeError unless it has 32 bytes */
export function slotSalts({ shake256 }: EventHasher, seed: Uint8Array): readonly Uint8Array[] {
  if (seed.length !== SEED_BYTES) throw new RangeError(`a seed of ${seed.length} bytes`);
  const salts = shake256(concatBytes(SALTS_LABEL, seed), SLOT_NAMES.length * SEED_BYTES);
  return SLOT_NAMES.map((_, slot) => salts.slice(slot * SEED_BYTES, (slot + 1) * SEED_BYTES));
}

/** The digest of slot `slot`, a number from 0; null is the empty one, which has a digest like any other. */
export function slotDigest(
  hasher: EventHasher,
  slot: number,
  { salt, value }: { readonly salt: Uint8Array; readonly value: JsonObject | null },
): Hash {
  return textDigest(hasher, slot, salt, value === null ? undefined : utf8Encode(canonicalJson(value)));
}

const SALT_AT = SLOT_LABEL.length;
const TEXT_AT = SALT_AT + SEED_BYTES + 2;
/** For all texts but those that are near the most. As in the tree's hasher, no two calls can meet in it. */
const slotScratch = slotBytes(4_096);

/** @param text undefined of an empty slot */
function textDigest({ sha256 }: EventHasher, slot: number, salt: Uint8Array, text?: Uint8Array): Hash {
  const length = TEXT_AT + (text === undefined ? 0 : text.length);
  const bytes = length <= slotScratch.length ? slotScratch : slotBytes(length);
  bytes.set(salt, SALT_AT);
  bytes[TEXT_AT - 2] = slot;
  bytes[TEXT_AT - 1] = text === undefined ? 0 : 1;
  if (text !== undefined) bytes.set(text, TEXT_AT);
  return sha256(bytes.subarray(0, length));
}

function slotBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(SLOT_LABEL);
  return bytes;
}

/** What a leaf holds of an event with this seed. @param eventText its canonical text in UTF-8 */
export function commitmentTo(hasher: EventHasher, eventText: Uint8Array, seed: Uint8Array): Hash {
  const texts = slotTexts(eventText);
  const digests = slotSalts(hasher, seed).map((salt, slot) => textDigest(hasher, slot, salt, texts[slot]));
  return commitmentOf(hasher, digests);
}

const DIGESTS_AT = EVENT_LABEL.length + 1;
const commitmentScratch = concatBytes(
  EVENT_LABEL,
  Uint8Array.of(SLOT_NAMES.length),
  new Uint8Array(SLOT_NAMES.length * HASH_BYTES),
);

/** What a leaf holds of an event. @throws RangeError unless there are nine digests of 32 bytes */
export function commitmentOf({ sha256 }: EventHasher, digests: readonly Hash[]): Hash {
  if (digests.length !== SLOT_NAMES.length || digests.some(({ length }) => length !== HASH_BYTES))
    throw new RangeError('a commitment is made of nine digests of 32 bytes');
  for (const [slot, digest] of digests.entries())
    commitmentScratch.set(digest, DIGESTS_AT + slot * HASH_BYTES);
  return sha256(commitmentScratch);
}
