import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { utf8Decode, utf8Encode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import type { Hash } from '../merkle/hasher.ts';
import { parseTreeSize, type TreeSize } from '../units.ts';
import { verifyNote } from './signed-note.ts';
import type { NoteVerifier } from './verifier.ts';

/** Longest origin, in UTF-8 bytes. */
export const ORIGIN_BYTES_MAX = 255;
/** What a log signs (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly extensions: readonly string[];
}
declare const verified: unique symbol;
/** A checkpoint that a known key of its log has signed; made by verifyCheckpoint alone. */
export type VerifiedCheckpoint = Checkpoint & { readonly note: string; readonly [verified]: true };

/** The text to sign, with its final LF. @throws TlogError malformed_checkpoint */
export function formatCheckpoint({ origin, size, rootHash, extensions }: Checkpoint): string {
  const text = `${[origin, String(size), formatBase64(rootHash), ...extensions].join('\n')}\n`;
  // A line with an LF inside would read back as two: whatever is signed must parse to the same.
  if (parseCheckpoint(text).extensions.length !== extensions.length)
    throw malformed('an extension has an LF');
  return text;
}

/** A checkpoint from its text. @throws TlogError malformed_checkpoint */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.length < 4 || lines.pop() !== '') throw malformed('it has no origin, size and root line');
  const [origin = '', size = '', root = '', ...extensions] = lines;
  if (lines.includes('')) throw malformed('a line is empty');
  if (utf8Encode(origin).length > ORIGIN_BYTES_MAX) throw malformed(`origin over ${ORIGIN_BYTES_MAX} bytes`);
  const parsed = { origin, ...sizeAndRoot(size, root), extensions };
  if (parsed.rootHash.length !== 32) throw malformed('the root hash is not 32 bytes');
  return parsed;
}

/**
 * The checkpoint of a note, once every line of the log's keys holds and one is there.
 * The origin is compared after the signature: an unsigned origin says nothing.
 * @throws TlogError malformed_note, bad_signature, unverified_note, malformed_checkpoint, wrong_origin
 */
export async function verifyCheckpoint(
  note: Uint8Array | string,
  trust: { readonly origin: string; readonly logVerifiers: readonly NoteVerifier[] },
): Promise<VerifiedCheckpoint> {
  const whole = typeof note === 'string' ? note : (utf8Decode(note) ?? '');
  const { text } = await verifyNote(whole, trust.logVerifiers);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== trust.origin) {
    throw new TlogError('wrong_origin', `the checkpoint is of ${JSON.stringify(checkpoint.origin)}`);
  }
  return { ...checkpoint, note: whole } as unknown as VerifiedCheckpoint;
}

function sizeAndRoot(size: string, root: string): { size: TreeSize; rootHash: Hash } {
  try {
    return { size: parseTreeSize(size), rootHash: parseBase64(root) };
  } catch (cause) {
    throw new TlogError('malformed_checkpoint', 'the size or root line cannot be read', { cause });
  }
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_checkpoint', `not a checkpoint: ${why}`);
}
