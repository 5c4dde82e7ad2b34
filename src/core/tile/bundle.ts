import { TlogError } from '../error.ts';
import { TILE_WIDTH } from './tile.ts';

/** Longest entry: its length has 16 bits. Longer ones are refused at submission. */
export const ENTRY_BYTES_MAX = 65_535;

const PREFIX_BYTES = 2;

/**
 * The bundle of at most 256 entries.
 * @throws RangeError for more than 256 entries or one above 65,535 bytes
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > TILE_WIDTH) throw new RangeError(`${entries.length} entries in one bundle`);
  return encodeEntries(entries);
}

/**
 * Any number of entries, each as u16 big-endian length and bytes (c2sp.org/tlog-tiles), in fresh memory.
 * @throws RangeError for one above 65,535 bytes
 */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${entry.length} bytes`);
    length += PREFIX_BYTES + entry.length;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const entry of entries) {
    bytes[at] = Math.floor(entry.length / 256);
    bytes[at + 1] = entry.length % 256;
    bytes.set(entry, at + PREFIX_BYTES);
    at += PREFIX_BYTES + entry.length;
  }
  return bytes;
}

/**
 * The entries of a bundle, as views of its bytes; 0 to 256 of them, or exactly `count`.
 * @throws TlogError malformed_bundle for short or trailing bytes, or another number of entries
 */
export function decodeBundle(bytes: Uint8Array, { count }: { readonly count?: number } = {}): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  const entriesMax = count ?? TILE_WIDTH;
  for (let at = 0; at < bytes.length; ) {
    if (entries.length === entriesMax) throw malformed(`bytes after the last of ${entriesMax} entries`);
    if (bytes.length - at < PREFIX_BYTES) throw malformed(`the length of entry ${entries.length} is cut off`);
    const end = at + PREFIX_BYTES + view.getUint16(at);
    if (end > bytes.length) throw malformed(`entry ${entries.length} is cut off`);
    entries.push(bytes.subarray(at + PREFIX_BYTES, end));
    at = end;
  }
  if (count !== undefined && entries.length !== count)
    throw malformed(`${entries.length} entries instead of ${count}`);
  return entries;
}

function malformed(message: string): TlogError {
  return new TlogError('malformed_bundle', `entry bundle: ${message}`);
}
