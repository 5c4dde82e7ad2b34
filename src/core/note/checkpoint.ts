import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { decodeUtf8, encodeUtf8 } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import type { Hash } from '../merkle/hasher.ts';
import { parseTreeSize, type TreeSize } from '../units.ts';
import { verifyNote } from './signed-note.ts';
import type { NoteVerifier } from './verifier.ts';

/** Longest origin, in bytes: what ML-DSA cosignatures can hold. */
export const ORIGIN_BYTES_MAX = 255;

/** A tree head as text. c2sp.org/tlog-checkpoint */
export interface Checkpoint {
  readonly origin: string;
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly extensions: readonly string[];
}

declare const verified: unique symbol;
/** A checkpoint whose signature and origin were checked; only verifyCheckpoint makes one. */
export type VerifiedCheckpoint = Checkpoint & { readonly note: string; readonly [verified]: true };

/** The checkpoint's text with its final LF: what is signed. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, rootHash, extensions } = checkpoint;
  return `${[origin, String(size), formatBase64(rootHash), ...extensions].join('\n')}\n`;
}

/** Parses a checkpoint's text strictly. @throws TlogError malformed_checkpoint */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...extensions] = text.split('\n').slice(0, -1);
  const empty = origin === '' || extensions.includes('') || !text.endsWith('\n');
  if (empty || encodeUtf8(origin).length > ORIGIN_BYTES_MAX) throw malformed('origin or extension lines');
  try {
    const rootHash = parseBase64(root);
    if (rootHash.length !== 32) throw malformed(`root of ${rootHash.length} bytes`);
    return { origin, size: parseTreeSize(size), rootHash, extensions };
  } catch (cause) {
    throw malformed('size or root line', cause);
  }
}

/**
 * Verifies the log's signature, then compares the origin.
 * @throws TlogError malformed_note, bad_signature, unverified_note, malformed_checkpoint, wrong_origin
 */
export async function verifyCheckpoint(
  note: Uint8Array | string,
  expected: { readonly origin: string; readonly logVerifiers: readonly NoteVerifier[] },
): Promise<VerifiedCheckpoint> {
  const { text } = await verifyNote(note, expected.logVerifiers);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== expected.origin) {
    throw new TlogError(
      'wrong_origin',
      `the checkpoint is of ${checkpoint.origin}, not of ${expected.origin}`,
    );
  }
  const whole = typeof note === 'string' ? note : (decodeUtf8(note) ?? '');
  return { ...checkpoint, note: whole } as VerifiedCheckpoint;
}

function malformed(what: string, cause?: unknown): TlogError {
  return new TlogError('malformed_checkpoint', `not a checkpoint: ${what}`, { cause });
}
