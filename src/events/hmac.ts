import { sha256 } from '../runtime/node-hasher.ts';

const BLOCK_BYTES = 64;

/** HMAC-SHA256 (RFC 2104) under one key. */
export type Hmac = (message: Uint8Array) => Uint8Array;

/** Over two one-shot hashes: node's own HMAC object takes four times as long. @param key at most 64 bytes */
export function hmacSha256(key: Uint8Array): Hmac {
  if (key.length > BLOCK_BYTES) throw new RangeError(`an HMAC key of ${key.length} bytes`);
  const outer = padded(key, 0x5c, 32);
  return (message) => {
    const inner = padded(key, 0x36, message.length);
    inner.set(message, BLOCK_BYTES);
    const whole = Uint8Array.from(outer);
    whole.set(sha256(inner), BLOCK_BYTES);
    return sha256(whole);
  };
}

/** The key under its mask, with room for a message behind. */
function padded(key: Uint8Array, mask: number, room: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES + room);
  for (let i = 0; i < BLOCK_BYTES; i += 1) bytes[i] = (key[i] ?? 0) ^ mask;
  return bytes;
}
