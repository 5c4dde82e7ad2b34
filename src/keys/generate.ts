import { checkKeyName, computeKeyId, ED25519, formatSignerKey, formatVerifierKey } from '../core/note/key.ts';
import type { Random } from '../runtime/random.ts';
import { publicKeyOfSeed } from './signer.ts';

/** A fresh plain Ed25519 key as texts; `skey` is secret. @throws TlogError malformed_key: not a key name */
export function generateSigningKey(random: Random, name: string): { skey: string; vkey: string } {
  checkKeyName(name);
  const seed = random(32);
  const publicKey = publicKeyOfSeed(seed);
  const key = { name, type: ED25519, seed, publicKey, keyId: computeKeyId(name, ED25519, publicKey) };
  return { skey: formatSignerKey(key), vkey: formatVerifierKey(key) };
}
