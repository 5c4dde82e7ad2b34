import { TlogError } from '../error.ts';
import { checkEd25519PublicKey } from './ed25519-key.ts';
import { ED25519, parseVerifierKey, type VerifierKey } from './key.ts';

/** True iff the 64-byte signature is the key's over the message (RFC 8032). */
export type Ed25519Verify = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** Checks signatures of one key over the text of a note. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  verify(text: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

/** Signs texts of notes with one key; type 1 gives 64 bytes. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: number;
  readonly vkey: string;
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** Verifier of a plain Ed25519 key (type 1). @throws TlogError malformed_key, weak_key */
export function createNoteVerifier(vkey: string | VerifierKey, ed25519: Ed25519Verify): NoteVerifier {
  const key = typeof vkey === 'string' ? parseVerifierKey(vkey) : vkey;
  if (key.type !== ED25519)
    throw new TlogError('malformed_key', `key type ${key.type} is not plain Ed25519 (1)`);
  checkEd25519PublicKey(key.publicKey);
  const publicKey = Uint8Array.from(key.publicKey);
  const verify = (text: Uint8Array, signature: Uint8Array): boolean | Promise<boolean> =>
    signature.length === 64 && ed25519(publicKey, text, signature);
  return { name: key.name, keyId: key.keyId, verify };
}
