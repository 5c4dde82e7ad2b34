import { concatBytes } from '../bytes.ts';
import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { decodeUtf8, encodeUtf8 } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { checkKeyName } from './key.ts';
import type { NoteVerifier } from './verifier.ts';

/** Largest note that is read, in bytes. */
export const NOTE_BYTES_MAX = 1_000_000;
/** Most signature lines that are read. */
export const NOTE_SIGNATURES_MAX = 100;

/** One signature line: who, and the bytes after the key id. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

/** A note taken apart; nothing of it is verified. */
export interface ParsedNote {
  /** The signed text with its final LF. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The note of a text and its signatures. c2sp.org/signed-note */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, keyId, signature }) => {
    const id = new Uint8Array(4);
    new DataView(id.buffer).setUint32(0, keyId);
    return `\u2014 ${name} ${formatBase64(concatBytes(id, signature))}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/** Takes a note apart, strictly. @throws TlogError malformed_note */
export function parseNote(note: Uint8Array | string): ParsedNote {
  const text = typeof note === 'string' ? note : decodeUtf8(note);
  if (text === undefined) throw malformed('not valid UTF-8');
  if (text.length > NOTE_BYTES_MAX) throw malformed('too long');
  if (holdsForbidden(text)) throw malformed('control characters or lone surrogates');
  const split = text.lastIndexOf('\n\n');
  if (split < 0 || !text.endsWith('\n')) throw malformed('no signatures');
  const lines = text.slice(split + 2, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) throw malformed(`more than ${NOTE_SIGNATURES_MAX} signatures`);
  return { text: text.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** Bytes below 0x20 other than LF, and what is not Unicode text. */
function holdsForbidden(text: string): boolean {
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if ((point < 0x20 && point !== 0x0a) || (point >= 0xd800 && point <= 0xdfff)) return true;
  }
  return false;
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(line);
  if (match === null) throw malformed('a signature line is not "\u2014 name base64"');
  const [, name = '', encoded = ''] = match;
  let bytes: Uint8Array;
  try {
    checkKeyName(name);
    bytes = parseBase64(encoded);
  } catch (cause) {
    throw malformed('a signature line has a bad name or base64', cause);
  }
  if (bytes.length < 5) throw malformed('a signature is too short');
  return {
    name,
    keyId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0),
    signature: bytes.slice(4),
  };
}

/** What verification found out about a note. */
export interface VerifiedNote {
  readonly text: string;
  readonly verified: readonly NoteSignature[];
  readonly unknown: readonly NoteSignature[];
}

/**
 * Verifies every signature of a known key; at least one must be there, and none may fail.
 * @throws TlogError malformed_note, bad_signature, unverified_note
 */
export async function verifyNote(
  note: Uint8Array | string,
  verifiers: readonly NoteVerifier[],
): Promise<VerifiedNote> {
  const { text, signatures } = parseNote(note);
  const bytes = encodeUtf8(text);
  const verified: NoteSignature[] = [];
  const unknown: NoteSignature[] = [];
  const seen = new Set<NoteVerifier>();
  for (const signature of signatures) {
    const verifier = verifiers.find((one) => one.name === signature.name && one.keyId === signature.keyId);
    if (verifier === undefined) unknown.push(signature);
    else if (!seen.has(verifier)) {
      seen.add(verifier);
      if (!(await verifier.verify(bytes, signature.signature))) {
        throw new TlogError('bad_signature', `the signature of ${signature.name} does not verify`);
      }
      verified.push(signature);
    }
  }
  if (verified.length === 0) throw new TlogError('unverified_note', 'no signature of a known key');
  return { text, verified, unknown };
}

function malformed(what: string, cause?: unknown): TlogError {
  return new TlogError('malformed_note', `not a signed note: ${what}`, { cause });
}
