import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import type { SliceBounds, Slices } from '../runtime/slices.ts';
import type { ContentHash } from '../sequencer/content-hash.ts';

/** Most entries in one request. */
export const BATCH_ENTRIES_MAX = 4_096;
/** Longest body of a batch: 8 MiB. */
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024;

/** What of a batch is hashed in one turn of the event loop: some five milliseconds. */
export const HASHED_AT_A_TIME: SliceBounds = { bytes: 4 * 1024 * 1024, steps: 2_048 };

/** Makes the leaf hashes of a batch, and what a retry of it is compared by, in slices: others are answered between. */
export async function hashBatch(
  hasher: TreeHasher,
  entries: readonly Uint8Array[],
  { slices, content }: { readonly slices: Slices; readonly content: ContentHash | undefined },
): Promise<Hash[]> {
  const leafHashes: Hash[] = [];
  for (const entry of entries) {
    leafHashes.push(hasher.leafHash(entry));
    content?.add(entry);
    const turn = slices.spent(content === undefined ? entry.length : 2 * entry.length);
    if (turn !== undefined) await turn;
  }
  return leafHashes;
}

/**
 * The lines of a body: the bytes before each LF, as views; a last line without LF counts.
 * @throws TlogError empty_batch, empty_line, entry_too_large, batch_too_large
 */
export function splitLines(body: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(10, start);
    const end = found < 0 ? body.length : found;
    const line = entries.length + 1;
    if (end === start) throw new TlogError('empty_line', `line ${line} is empty`, { details: { line } });
    push(entries, body.subarray(start, end), 'line');
    start = end + 1;
  }
  return nonEmpty(entries);
}

/**
 * The entries of a batch in bundle form, u16 length and bytes each, of any number up to 4,096, as views.
 * @throws TlogError empty_batch, malformed_bundle, batch_too_large
 */
export function splitBundle(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const start = at + 2;
    const end = start > body.length ? Number.POSITIVE_INFINITY : start + view.getUint16(at);
    if (end > body.length) throw new TlogError('malformed_bundle', `entry ${entries.length} is cut off`);
    push(entries, body.subarray(start, end), 'entry');
    at = end;
  }
  return nonEmpty(entries);
}

function push(entries: Uint8Array[], entry: Uint8Array, word: string): void {
  const place = entries.length + 1;
  if (entries.length === BATCH_ENTRIES_MAX)
    throw new TlogError('batch_too_large', `more than ${BATCH_ENTRIES_MAX} entries`);
  if (entry.length > ENTRY_BYTES_MAX) {
    const message = `${word} ${place} has ${entry.length} bytes; ${ENTRY_BYTES_MAX} is the most`;
    throw new TlogError('entry_too_large', message, { details: { [word]: place } });
  }
  entries.push(entry);
}

function nonEmpty(entries: Uint8Array[]): Uint8Array[] {
  if (entries.length === 0) throw new TlogError('empty_batch', 'the body holds no entry');
  return entries;
}
