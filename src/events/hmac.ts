import { sha256 } from '../runtime/node-hasher.ts';

const BLOCK_BYTES = 64;

/** HMAC-SHA256 (RFC 2104) under one key. */
export type Hmac = (message: Uint8Array) => Uint8Array;

/** Over two one-shot hashes: node's own HMAC object takes four times as long. @param key at most 64 bytes */
export function hmacSha256(key: Uint8Array): Hmac {
  if (key.length > BLOCK_BYTES) throw new RangeError(`an HMAC key of ${key.length} bytes`);
  const [inner, outer] = [masked(key, 0x36), masked(key, 0x5c)];
  return (message) => hashBehind(outer, hashBehind(inner, message));
}

/** The key under its mask. */
function masked(key: Uint8Array, mask: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES).fill(mask);
  for (let i = 0; i < key.length; i += 1) bytes[i] = (key[i] as number) ^ mask;
  return bytes;
}

/** For messages of the usual lengths. No two calls can meet in it. */
const scratch = new Uint8Array(BLOCK_BYTES + 4_096);

function hashBehind(block: Uint8Array, message: Uint8Array): Uint8Array {
  const length = BLOCK_BYTES + message.length;
  const bytes = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  bytes.set(block);
  bytes.set(message, BLOCK_BYTES);
  return sha256(bytes);
}
