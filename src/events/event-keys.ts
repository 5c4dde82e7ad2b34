import { concatBytes } from '../core/bytes.ts';
import { utf8Encode, utf8EncodeShared } from '../core/encoding/utf8.ts';
import type { EventHasher } from '../core/event/commitment.ts';
import { type Hmac, hmacSha256 } from './hmac.ts';

const ENC_LABEL = utf8Encode('stele/enc/v1\0');
const SAME_LABEL = utf8Encode('stele/same/v1\0');
const KEY_BYTES = 32;

/** The key that payload and raw bytes of one event are encrypted with. */
export function encryptionKey({ shake256 }: EventHasher, seed: Uint8Array): Uint8Array {
  return shake256(concatBytes(ENC_LABEL, seed), KEY_BYTES);
}

/** HMAC of the text of an event as it was sent, for telling a retry from another event of the same id. */
export function sameMac({ shake256 }: EventHasher, seed: Uint8Array, sent: Uint8Array): Uint8Array {
  return hmacSha256(shake256(concatBytes(SAME_LABEL, seed), KEY_BYTES))(sent);
}

/** What an id is looked up by: nobody without the log's secret can tell which ids a database holds. */
export class IdHasher {
  readonly #hmac: Hmac;
  /** Another thread makes an equal one of it. */
  readonly secret: Uint8Array;

  /** @param secret the log's own 32 bytes */
  constructor(secret: Uint8Array) {
    this.secret = secret;
    this.#hmac = hmacSha256(secret);
  }

  /** HMAC-SHA256(u8 tenant present || u16 length || tenant || id). */
  keyOf(id: string, tenant: string | undefined): Uint8Array {
    const bytes = utf8EncodeShared(tenant ?? '');
    const head = Uint8Array.of(
      tenant === undefined ? 0 : 1,
      Math.floor(bytes.length / 256),
      bytes.length % 256,
    );
    return this.#hmac(concatBytes(head, bytes, utf8EncodeShared(id)));
  }
}
