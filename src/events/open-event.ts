import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { commitmentTo } from '../core/event/commitment.ts';
import { type AuditEvent, eventText, parseEvent } from '../core/event/event.ts';
import { decodeLeaf } from '../core/event/leaf.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import { decodePayload } from '../store/event-rows.ts';
import { encryptionKey } from './event-keys.ts';
import { openBytes, placeOf } from './sealed-bytes.ts';

/** Whose secret it is, and where: a log, a leaf, its seed. */
export interface SealedPlace {
  readonly origin: string;
  readonly index: number;
  /** 32 bytes. */
  readonly seed: Uint8Array;
}

/**
 * The event in the value of a payload row, from wherever that comes, once it is what its leaf commits to.
 * @param entry the leaf's entry, proven @throws TlogError storage_corrupt, malformed_leaf
 */
export function provenEvent(place: SealedPlace, payload: Uint8Array, entry: Uint8Array): AuditEvent {
  const event = eventIn(open(place, decodePayload(payload).sealed));
  if (
    event !== undefined &&
    equalBytes(commitmentTo(nodeEventHasher, eventText(event), place.seed), decodeLeaf(entry).commitment)
  )
    return event;
  throw wrong(place, 'is not what its leaf commits to');
}

/** Checks that encrypted verbatim bytes are those that an event describes. @throws TlogError storage_corrupt */
export function checkRaw(place: SealedPlace, sealed: Uint8Array, { raw }: AuditEvent): void {
  const sha256 = formatBase64(nodeEventHasher.sha256(open(place, sealed)));
  if (sha256 !== raw?.sha256) throw wrong(place, 'is not the record that its event describes');
}

function open(place: SealedPlace, sealed: Uint8Array): Uint8Array {
  const { origin, index, seed } = place;
  try {
    return openBytes({ key: encryptionKey(nodeEventHasher, seed), place: placeOf(origin, index) }, sealed);
  } catch (cause) {
    throw wrong(place, 'does not open', cause);
  }
}

/** Undefined where it is none: whoever gives the seed can encrypt what he likes. */
function eventIn(plain: Uint8Array): AuditEvent | undefined {
  try {
    return parseEvent(utf8Decode(plain) ?? '');
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

function wrong({ index }: SealedPlace, what: string, cause?: unknown): TlogError {
  return new TlogError('storage_corrupt', `the payload of event ${index} ${what}; run stele fsck`, { cause });
}
