import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '../bytes.ts';
import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { utf8Encode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { checkEd25519PublicKey } from './ed25519-key.ts';

/** Signature type of plain Ed25519 over the text (c2sp.org/signed-note). */
export const ED25519 = 1;
/** Signature type of an Ed25519 cosignature with time (c2sp.org/tlog-cosignature). */
export const COSIGNATURE_V1 = 4;
/** Signature type of an ML-DSA-44 cosignature with time (c2sp.org/tlog-cosignature). Its keys are read, its signatures not verified here. */
export const ML_DSA_44 = 6;
/** Length of a public key of ML-DSA-44 (FIPS 204): every such string of bytes is one. */
const ML_DSA_44_KEY_BYTES = 1312;

/** A public key under its note name. `keyId` is a u32. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: number;
  readonly publicKey: Uint8Array;
}
/** A private key: `seed` is the 32-byte seed of RFC 8032. */
export interface SignerKey extends VerifierKey {
  readonly seed: Uint8Array;
}

// Unicode white space as Go counts it: U+0085 is in, U+FEFF is not.
const SPACE_OR_PLUS = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]/;

/** True iff a note can carry this key name. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/\p{Surrogate}/u.test(name) && !SPACE_OR_PLUS.test(name);
}

/** @throws TlogError malformed_key: empty, or has a Unicode space or '+' */
export function checkKeyName(name: string): void {
  if (!isKeyName(name))
    throw new TlogError('malformed_key', 'a key name is not empty and has no space or "+"');
}

/** A key id as 8 lower-case hex digits. */
export function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

/** First 4 bytes of SHA-256(name || LF || type || public key), as u32. */
export function computeKeyId(name: string, type: number, publicKey: Uint8Array): number {
  const digest = sha256(concatBytes(utf8Encode(`${name}\n`), Uint8Array.of(type), publicKey));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/** A key from its vkey text. @throws TlogError malformed_key, weak_key */
export function parseVerifierKey(vkey: string): VerifierKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([^\n]+)$/.exec(vkey);
  if (match === null) throw new TlogError('malformed_key', 'a vkey is name+8 hex digits+base64');
  const [, name = '', id = '', data = ''] = match;
  checkKeyName(name);
  const bytes = keyData(data);
  const [type] = bytes;
  const publicKey = bytes.slice(1);
  if (type !== ED25519 && type !== COSIGNATURE_V1 && type !== ML_DSA_44) {
    throw new TlogError('malformed_key', `key type ${type} is not supported: give an Ed25519 key`);
  }
  checkPublicKey(type, publicKey);
  return { name, type, publicKey, keyId: checkKeyId(id, computeKeyId(name, type, publicKey)) };
}

function checkPublicKey(type: number, publicKey: Uint8Array): void {
  if (type !== ML_DSA_44) checkEd25519PublicKey(publicKey);
  else if (publicKey.length !== ML_DSA_44_KEY_BYTES)
    throw new TlogError('malformed_key', `an ML-DSA-44 public key has ${ML_DSA_44_KEY_BYTES} bytes`);
}

/** The vkey text of a key. */
export function formatVerifierKey(key: VerifierKey): string {
  const data = concatBytes(Uint8Array.of(key.type), key.publicKey);
  return `${key.name}+${formatKeyId(key.keyId)}+${formatBase64(data)}`;
}

/** A private key from its skey text; `publicKeyOf` derives the public key. @throws TlogError malformed_key */
export function parseSignerKey(skey: string, publicKeyOf: (seed: Uint8Array) => Uint8Array): SignerKey {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([^\n]+)$/.exec(skey);
  // The text is secret: no message repeats any of it.
  if (match === null) throw new TlogError('malformed_key', 'not a signer key (PRIVATE+KEY+name+id+base64)');
  const [, name = '', id = '', data = ''] = match;
  checkKeyName(name);
  const bytes = keyData(data);
  const [type] = bytes;
  if (bytes.length !== 33 || (type !== ED25519 && type !== COSIGNATURE_V1)) {
    throw new TlogError('malformed_key', 'a signer key holds one type byte (1 or 4) and a 32-byte seed');
  }
  const seed = bytes.slice(1);
  const publicKey = publicKeyOf(seed);
  return { name, type, seed, publicKey, keyId: checkKeyId(id, computeKeyId(name, type, publicKey)) };
}

/** The skey text. Secret: whoever has it signs in the key's name. */
export function formatSignerKey(key: SignerKey): string {
  const data = formatBase64(concatBytes(Uint8Array.of(key.type), key.seed));
  return `PRIVATE+KEY+${key.name}+${formatKeyId(key.keyId)}+${data}`;
}

function keyData(text: string): Uint8Array {
  try {
    return parseBase64(text);
  } catch (cause) {
    throw new TlogError('malformed_key', 'the key data is not canonical base64', { cause });
  }
}

function checkKeyId(text: string, keyId: number): number {
  if (text === formatKeyId(keyId)) return keyId;
  throw new TlogError(
    'malformed_key',
    `key id ${text} does not belong to the key: it would be ${formatKeyId(keyId)}`,
  );
}
