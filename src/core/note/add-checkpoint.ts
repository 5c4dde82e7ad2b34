import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { utf8Decode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { HASH_BYTES, type Hash } from '../merkle/hasher.ts';
import { parseTreeSize, type TreeSize } from '../units.ts';

/** Most hashes of a consistency proof in a request to a witness (c2sp.org/tlog-witness). */
export const ADD_CHECKPOINT_HASHES_MAX = 63;
/** The status of what a witness says of its own size: this type, and decimal digits with an LF. */
export const TLOG_SIZE_TYPE = 'text/x.tlog.size';

/** What a log asks a witness to cosign: `proof` leads from the tree of `oldSize` to that of the note, unproven yet. */
export interface AddCheckpoint {
  readonly oldSize: TreeSize;
  readonly proof: readonly Hash[];
  /** The signed checkpoint, as it came. */
  readonly note: string;
}

/** The body of POST add-checkpoint. @throws RangeError more than 63 hashes, or one that is not 32 bytes */
export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  if (proof.length > ADD_CHECKPOINT_HASHES_MAX) throw new RangeError(`${proof.length} hashes`);
  if (proof.some((hash) => hash.length !== HASH_BYTES)) throw new RangeError('a hash is not 32 bytes');
  return [`old ${oldSize}`, ...proof.map(formatBase64), '', note].join('\n');
}

/** Reads the body of POST add-checkpoint; the note is not looked into. @throws TlogError malformed_add_checkpoint */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  const text = utf8Decode(body);
  if (text === undefined) throw malformed('it is not UTF-8');
  const end = text.indexOf('\n\n');
  if (end < 0) throw malformed('no empty line before the checkpoint');
  const [old = '', ...lines] = text.slice(0, end).split('\n');
  if (lines.length > ADD_CHECKPOINT_HASHES_MAX)
    throw malformed(`${lines.length} hashes, over ${ADD_CHECKPOINT_HASHES_MAX}`);
  return { oldSize: oldSizeOf(old), proof: lines.map(hashOf), note: text.slice(end + 2) };
}

function oldSizeOf(line: string): TreeSize {
  const [, digits = ''] = /^old (.*)$/.exec(line) ?? [];
  try {
    return parseTreeSize(digits);
  } catch (cause) {
    throw malformed('the first line is not "old " and a tree size', cause);
  }
}

function hashOf(line: string): Hash {
  let hash: Hash;
  try {
    hash = parseBase64(line);
  } catch (cause) {
    throw malformed('a line of the proof is not base64', cause);
  }
  if (hash.length !== HASH_BYTES) throw malformed('a hash of the proof is not 32 bytes');
  return hash;
}

function malformed(why: string, cause?: unknown): TlogError {
  return new TlogError('malformed_add_checkpoint', `not a request to cosign: ${why}`, { cause });
}
