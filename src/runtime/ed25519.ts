import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Ed25519Verify } from '../core/note/verifier.ts';

// DER of a SubjectPublicKeyInfo for Ed25519, up to the 32 key bytes (RFC 8410).
const SPKI_PREFIX = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

/** Ed25519 verification on node:crypto. */
export const ed25519Verify: Ed25519Verify = (publicKey, message, signature) =>
  verify(null, message, publicKeyObject(publicKey), signature);

/** A key object costs more than a verification. Verifiers hold copies of the bytes of their keys, so the bytes are what finds it. */
const keyObjects = new LRUCache<string, KeyObject>({ max: 1_000 });

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const bytes = String.fromCharCode(...publicKey);
  const known = keyObjects.get(bytes) ?? createKeyObject(publicKey);
  keyObjects.set(bytes, known);
  return known;
}

function createKeyObject(publicKey: Uint8Array): KeyObject {
  const der = Buffer.concat([SPKI_PREFIX, publicKey]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}
