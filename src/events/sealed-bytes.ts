import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concatBytes, SharedMemory } from '../core/bytes.ts';
import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { writeU64 } from '../store/rows.ts';

const ALGORITHM = 'aes-256-gcm';
/** Length of a nonce. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What ties encrypted bytes to their place: log origin || u64 leaf index. */
export function placeOf(origin: string, index: number): Uint8Array {
  const number = new Uint8Array(8);
  writeU64(number, 0, index);
  return concatBytes(utf8Encode(origin), number);
}

/** How bytes are encrypted. `nonce` must never come twice with a key: a slot may be used again after a lost commit. */
export interface Sealing {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly place: Uint8Array;
}

const shared = new SharedMemory();

/** Nonce, ciphertext and tag (AES-256-GCM), in memory that they share with others. */
export function sealBytes({ key, nonce, place }: Sealing, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(place);
  const sealed = shared.take(NONCE_BYTES + plain.length + TAG_BYTES);
  sealed.set(nonce);
  sealed.set(cipher.update(plain), NONCE_BYTES);
  cipher.final();
  sealed.set(cipher.getAuthTag(), NONCE_BYTES + plain.length);
  return sealed;
}

/** The bytes that sealBytes was given. @throws TlogError storage_corrupt when they are not of this key and place */
export function openBytes({ key, place }: Omit<Sealing, 'nonce'>, sealed: Uint8Array): Uint8Array {
  try {
    const end = sealed.length - TAG_BYTES;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(place).setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, end));
    decipher.final();
    return plain;
  } catch (cause) {
    throw new TlogError('storage_corrupt', 'encrypted bytes do not open', { cause });
  }
}
