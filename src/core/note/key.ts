import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '../bytes.ts';
import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { parseHex } from '../encoding/hex.ts';
import { encodeUtf8 } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { checkEd25519PublicKey } from './ed25519-key.ts';

/** Signature types of c2sp.org/signed-note. */
export const ED25519 = 1;
export const COSIGNATURE_V1 = 4;

/** Go's unicode.IsSpace as ranges of code points; JavaScript's \\s is another set. */
const SPACES: readonly (readonly [number, number])[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

function isSpace(character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  return SPACES.some(([first, last]) => first <= point && point <= last);
}

/** A public key with its name; name and id together identify it. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: number;
  readonly publicKey: Uint8Array;
}

/** A private key: the 32-byte seed of RFC 8032. */
export interface SignerKey extends VerifierKey {
  readonly seed: Uint8Array;
}

/** Key names have no Unicode space and no plus sign. @throws TlogError malformed_key */
export function checkKeyName(name: string): void {
  if (name === '' || name.includes('+') || [...name].some(isSpace)) {
    throw new TlogError(
      'malformed_key',
      `key name ${JSON.stringify(name.slice(0, 80))}: no space, no + and not empty`,
    );
  }
}

/** First four bytes of SHA-256 over name, LF, type and key. c2sp.org/signed-note */
export function computeKeyId(name: string, type: number, publicKey: Uint8Array): number {
  const hash = sha256(concatBytes(encodeUtf8(`${name}\n`), Uint8Array.of(type), publicKey));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** Eight lower-case hex digits. */
export function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

/** A public key as `name+id+base64`. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${formatKeyId(key.keyId)}+${formatBase64(concatBytes(Uint8Array.of(key.type), key.publicKey))}`;
}

/** Parses a vkey of type Ed25519 or cosignature/v1. @throws TlogError malformed_key, weak_key */
export function parseVerifierKey(vkey: string): VerifierKey {
  const [name, id, ...rest] = vkey.split('+');
  const bytes = keyBytes(rest.join('+'));
  const type = bytes[0] ?? 0;
  if (name === undefined || id === undefined)
    throw new TlogError('malformed_key', 'a vkey is name+id+base64');
  checkKeyName(name);
  if (type !== ED25519 && type !== COSIGNATURE_V1)
    throw new TlogError('malformed_key', `key type ${type} is not known`);
  const publicKey = bytes.slice(1);
  checkEd25519PublicKey(publicKey);
  const keyId = computeKeyId(name, type, publicKey);
  if (parseKeyId(id) !== keyId)
    throw new TlogError('malformed_key', `key id ${id} does not belong to this key`);
  return { name, keyId, type, publicKey };
}

/** A private key in Go's form `PRIVATE+KEY+name+id+base64`. */
export function formatSignerKey(key: SignerKey): string {
  const bytes = concatBytes(Uint8Array.of(key.type), key.seed);
  return `PRIVATE+KEY+${key.name}+${formatKeyId(key.keyId)}+${formatBase64(bytes)}`;
}

/** Parses a private key; `publicKeyOf` gives the public key of a seed. @throws TlogError malformed_key */
export function parseSignerKey(skey: string, publicKeyOf: (seed: Uint8Array) => Uint8Array): SignerKey {
  const [first, second, name, id, ...rest] = skey.split('+');
  if (first !== 'PRIVATE' || second !== 'KEY' || name === undefined || id === undefined) {
    throw new TlogError('malformed_key', 'a private key is PRIVATE+KEY+name+id+base64');
  }
  checkKeyName(name);
  const bytes = keyBytes(rest.join('+'));
  const type = bytes[0] ?? 0;
  if (type !== ED25519 && type !== COSIGNATURE_V1)
    throw new TlogError('malformed_key', `key type ${type} is not known`);
  if (bytes.length !== 33) throw new TlogError('malformed_key', 'a private key holds a seed of 32 bytes');
  const seed = bytes.slice(1);
  const publicKey = publicKeyOf(seed);
  const keyId = computeKeyId(name, type, publicKey);
  if (parseKeyId(id) !== keyId)
    throw new TlogError('malformed_key', `key id ${id} does not belong to this key`);
  return { name, keyId, type, publicKey, seed };
}

function parseKeyId(text: string): number {
  try {
    return new DataView(parseHex(text, 4).buffer).getUint32(0);
  } catch (cause) {
    throw new TlogError('malformed_key', 'a key id is eight lower-case hex digits', { cause });
  }
}

function keyBytes(text: string): Uint8Array {
  try {
    return parseBase64(text);
  } catch (cause) {
    throw new TlogError('malformed_key', 'the last part of a key is base64', { cause });
  }
}
