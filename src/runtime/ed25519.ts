import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Ed25519Verify } from '../core/note/verifier.ts';

const keys = new WeakMap<Uint8Array, KeyObject>();

/** Ed25519 by node:crypto. Key objects are kept as long as their bytes are. */
export const ed25519Verify: Ed25519Verify = (publicKey, message, signature) =>
  verify(null, message, keyObject(publicKey), signature);

function keyObject(publicKey: Uint8Array): KeyObject {
  const known = keys.get(publicKey);
  if (known !== undefined) return known;
  const x = Buffer.from(publicKey).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  keys.set(publicKey, key);
  return key;
}
