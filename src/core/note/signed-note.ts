import { concatBytes } from '../bytes.ts';
import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { utf8Decode, utf8Encode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { formatKeyId, isKeyName } from './key.ts';
import type { NoteVerifier } from './verifier.ts';

/** Longest note read, in UTF-8 bytes. */
export const NOTE_BYTES_MAX = 1_000_000;
/** Most signature lines read. */
export const NOTE_SIGNATURES_MAX = 100;

/** One signature line, without its bytes as written. `signature` excludes the key id. */
export interface NewSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}
/** One signature line as read; `line` is its text without LF. */
export interface NoteSignature extends NewSignature {
  readonly line: string;
}
/** A note whose form is right and whose signatures nobody has checked. `text` ends in LF and is what is signed. */
export interface ParsedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}
/** A note of which at least one signature of a known key holds. */
export interface VerifiedNote {
  readonly text: string;
  readonly verified: readonly NoteSignature[];
  readonly unknown: readonly NoteSignature[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: c2sp.org/signed-note bans exactly these
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** Splits a note at its last empty line. @throws TlogError malformed_note @see c2sp.org/signed-note */
export function parseNote(note: Uint8Array | string): ParsedNote {
  const all = noteText(note);
  const split = all.lastIndexOf('\n\n');
  if (split < 0 || !all.endsWith('\n')) throw malformed('no empty line between text and signatures');
  const lines = all
    .slice(split + 2)
    .split('\n')
    .slice(0, -1);
  if (lines.length === 0 || lines.length > NOTE_SIGNATURES_MAX) {
    throw malformed(`${lines.length} signature lines, not 1 to ${NOTE_SIGNATURES_MAX}`);
  }
  return { text: all.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** A note of a text (ending in LF) and signatures. @throws TypeError the text or a name cannot be in a note */
export function formatNote(text: string, signatures: readonly NewSignature[]): string {
  if (!text.endsWith('\n') || CONTROL.test(text))
    throw new TypeError('a note text ends in LF, without controls');
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`;
}

/** One signature line with its LF. @throws TypeError the name cannot be in a note */
export function formatSignatureLine({ name, keyId, signature }: NewSignature): string {
  if (!isKeyName(name)) throw new TypeError('a key name is not empty and has no space or "+"');
  const id = new Uint8Array(4);
  new DataView(id.buffer).setUint32(0, keyId);
  return `\u2014 ${name} ${formatBase64(concatBytes(id, signature))}\n`;
}

/** Each line once, in their order: one that is repeated says nothing more, and is not to be verified again. */
export function distinctLines(signatures: readonly NoteSignature[]): readonly NoteSignature[] {
  return [...new Map(signatures.map((signature) => [signature.line, signature])).values()];
}

/**
 * The text of a note once at least one known key has signed it. Every line of a known key must hold; others
 * are ignored and given back as unknown. Of equal lines one is looked at and given back.
 * @throws TlogError malformed_note, bad_signature, unverified_note
 */
export async function verifyNote(
  note: Uint8Array | string,
  verifiers: readonly NoteVerifier[],
): Promise<VerifiedNote> {
  const { text, signatures } = parseNote(note);
  const message = utf8Encode(text);
  const verified: NoteSignature[] = [];
  const unknown: NoteSignature[] = [];
  for (const line of distinctLines(signatures)) {
    const known = verifiers.filter((v) => v.name === line.name && v.keyId === line.keyId);
    if (known.length === 0) unknown.push(line);
    for (const verifier of known) {
      if (!(await verifier.verify(message, line.signature))) {
        throw new TlogError(
          'bad_signature',
          `signature of ${line.name}+${formatKeyId(line.keyId)} does not hold`,
        );
      }
    }
    if (known.length > 0) verified.push(line);
  }
  if (verified.length === 0) throw new TlogError('unverified_note', 'no known key has signed this note');
  return { text, verified, unknown };
}

function noteText(note: Uint8Array | string): string {
  if (note.length > NOTE_BYTES_MAX) throw malformed(`longer than ${NOTE_BYTES_MAX} bytes`);
  const text = typeof note === 'string' ? note : utf8Decode(note);
  if (text === undefined || /\p{Surrogate}/u.test(text)) throw malformed('not UTF-8');
  if (CONTROL.test(text)) throw malformed('holds a control character');
  if (typeof note === 'string' && utf8Encode(text).length > NOTE_BYTES_MAX) {
    throw malformed(`longer than ${NOTE_BYTES_MAX} bytes`);
  }
  return text;
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
  const [, name = '', data = ''] = match ?? [];
  if (!isKeyName(name)) throw malformed('a signature line is not "\u2014 name base64"');
  const bytes = signatureData(data);
  if (bytes.length < 5) throw malformed('a signature has no bytes behind the key id');
  const keyId = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return { name, keyId, signature: bytes.slice(4), line };
}

function signatureData(text: string): Uint8Array {
  try {
    return parseBase64(text);
  } catch (cause) {
    throw new TlogError('malformed_note', 'a signature is not canonical base64', { cause });
  }
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_note', `not a signed note: ${why}`);
}
