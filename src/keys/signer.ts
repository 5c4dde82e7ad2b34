import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { formatVerifierKey, parseSignerKey } from '../core/note/key.ts';
import type { NoteSigner } from '../core/note/verifier.ts';

/** DER of a PKCS #8 Ed25519 key up to its seed. RFC 8410 */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The public key of a seed: 32 bytes. RFC 8032 5.1.5 */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const { x = '' } = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** A signer that holds its key in this process. @throws TlogError malformed_key */
export function createSigner(skey: string): NoteSigner {
  const key = parseSignerKey(skey, publicKeyOf);
  const privateKey = privateKeyOf(key.seed);
  return {
    name: key.name,
    keyId: key.keyId,
    vkey: formatVerifierKey(key),
    sign: async (text) => new Uint8Array(sign(null, text, privateKey)),
  };
}
