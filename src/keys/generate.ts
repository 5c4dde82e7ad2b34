import { checkKeyName, computeKeyId, ED25519, formatSignerKey, formatVerifierKey } from '../core/note/key.ts';
import type { Random } from '../runtime/random.ts';
import { publicKeyOf } from './signer.ts';

/** A new Ed25519 key pair of a name. @throws TlogError malformed_key when the name cannot be a key name */
export function generateSigningKey(
  random: Random,
  name: string,
): { readonly skey: string; readonly vkey: string } {
  checkKeyName(name);
  const seed = random.bytes(32);
  const publicKey = publicKeyOf(seed);
  const key = { name, keyId: computeKeyId(name, ED25519, publicKey), type: ED25519, publicKey, seed };
  return { skey: formatSignerKey(key), vkey: formatVerifierKey(key) };
}
