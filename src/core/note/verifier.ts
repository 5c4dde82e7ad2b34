import { TlogError } from '../error.ts';
import { ED25519, parseVerifierKey, type VerifierKey } from './key.ts';

/** Verifies one Ed25519 signature; node:crypto on servers, WebCrypto in browsers. */
export type Ed25519Verify = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** Checks signatures of one key, whatever its algorithm. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  verify(text: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

/** Signs notes with one key; may be far away, such as a KMS. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: number;
  readonly vkey: string;
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** The verifier of a log's Ed25519 key (type 1). @throws TlogError malformed_key, weak_key */
export function createNoteVerifier(key: string | VerifierKey, ed25519: Ed25519Verify): NoteVerifier {
  const { name, keyId, type, publicKey } = typeof key === 'string' ? parseVerifierKey(key) : key;
  if (type !== ED25519)
    throw new TlogError('malformed_key', `${name}: key type ${type} cannot sign a log's notes`);
  const verify = (text: Uint8Array, signature: Uint8Array): boolean | Promise<boolean> =>
    signature.length === 64 && ed25519(publicKey, text, signature);
  return { name, keyId, verify };
}
