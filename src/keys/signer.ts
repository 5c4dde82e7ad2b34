import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { TlogError } from '../core/error.ts';
import { ED25519, formatVerifierKey, parseSignerKey } from '../core/note/key.ts';
import type { NoteSigner } from '../core/note/verifier.ts';

// DER of a PKCS #8 private key for Ed25519, up to the 32 seed bytes (RFC 8410).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signer of a plain Ed25519 skey (type 1). @throws TlogError malformed_key, weak_key */
export function createSigner(skey: string): NoteSigner {
  const key = parseSignerKey(skey, publicKeyOfSeed);
  if (key.type !== ED25519)
    throw new TlogError('malformed_key', `key type ${key.type} is not plain Ed25519 (1)`);
  const privateKey = privateKeyOfSeed(key.seed);
  return {
    name: key.name,
    keyId: key.keyId,
    vkey: formatVerifierKey(key),
    sign: async (text) => Uint8Array.from(sign(null, text, privateKey)),
  };
}

/** The 32-byte public key of a 32-byte seed (RFC 8032 5.1.5). */
export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKeyOfSeed(seed)).export({ format: 'der', type: 'spki' });
  return Uint8Array.from(spki.subarray(-32));
}

/** The key object of a 32-byte seed. */
export function privateKeyOfSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}
