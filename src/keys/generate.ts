import {
  type COSIGNATURE_V1,
  checkKeyName,
  computeKeyId,
  ED25519,
  formatSignerKey,
  formatVerifierKey,
} from '../core/note/key.ts';
import type { Random } from '../runtime/random.ts';
import { publicKeyOfSeed } from './signer.ts';

/**
 * A fresh Ed25519 key as texts; `skey` is secret. Its type says what it may sign: texts of notes, or cosignatures.
 * @throws TlogError malformed_key: not a key name
 */
export function generateSigningKey(
  random: Random,
  name: string,
  type: typeof ED25519 | typeof COSIGNATURE_V1 = ED25519,
): { skey: string; vkey: string } {
  checkKeyName(name);
  const seed = random(32);
  const publicKey = publicKeyOfSeed(seed);
  const key = { name, type, seed, publicKey, keyId: computeKeyId(name, type, publicKey) };
  return { skey: formatSignerKey(key), vkey: formatVerifierKey(key) };
}
