import { hash } from 'node:crypto';
import { createTreeHasher, HASH_BYTES, type TreeHasher } from '../core/merkle/hasher.ts';

/** The tree hasher on node:crypto's one-shot hash, several times as fast as portableHasher and equal to it. */
export const nodeHasher: TreeHasher = createTreeHasher(sha256);

/** Taken as text, since a Buffer made by native code costs more than the hash: 0.6 us instead of 1.2 for a node. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const digits = hash('sha256', bytes, 'binary');
  const digest = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i += 1) digest[i] = digits.charCodeAt(i);
  return digest;
}
