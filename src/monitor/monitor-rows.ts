import { concatBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { HASH_BYTES, type TreeHasher } from '../core/merkle/hasher.ts';
import type { Edge } from '../core/tile/edge.ts';
import { TILE_WIDTH, type TilePlace } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import { SIZE_MAX, type TreeSize, treeSize } from '../core/units.ts';

/** First bytes of the keys of a monitor's database; behind each stands the SHA-256 of the origin. Spec MONITOR-3. */
const LETTER = { record: 0x6d, edge: 0x65, tile: 0x74, bundle: 0x62, heard: 0x68 } as const;

/** Key of what a monitor has verified last. */
export function recordKey(originHash: string): Uint8Array {
  return keyOf(LETTER.record, originHash);
}

/** Key of the partial tiles of the verified tree. */
export function edgeKey(originHash: string): Uint8Array {
  return keyOf(LETTER.edge, originHash);
}

/** Key of a full tile. */
export function tileKey(originHash: string, { level, index }: TilePlace): Uint8Array {
  return concatBytes(keyOf(LETTER.tile, originHash), Uint8Array.of(level), u64(index));
}

/** Key of an entry bundle, the longest there is of its index; of a large one that of its first part, the others having their number behind. */
export function bundleKey(originHash: string, index: number, part = 0): Uint8Array {
  return concatBytes(
    keyOf(LETTER.bundle, originHash),
    u64(index),
    part === 0 ? new Uint8Array(0) : u16(part),
  );
}

/** Key of a head that was heard of and is above the verified tree. */
export function heardKey(originHash: string, size: TreeSize): Uint8Array {
  return concatBytes(keyOf(LETTER.heard, originHash), u64(size));
}

/** All heads that were heard of. */
export function heardRange(originHash: string): { readonly start: Uint8Array; readonly end: Uint8Array } {
  return {
    start: keyOf(LETTER.heard, originHash),
    end: concatBytes(keyOf(LETTER.heard, originHash), new Uint8Array(9).fill(0xff)),
  };
}

function keyOf(letter: number, originHash: string): Uint8Array {
  return Uint8Array.from([letter, ...Buffer.from(originHash, 'hex')]);
}

/** u64 size, then of each level from 0 a u16 width and so many hashes. */
export function encodeEdge({ size, tiles }: Edge): Uint8Array {
  const levels = tiles.flatMap((nodes) => [u16(nodes.width), nodes.leaves(nodes.width)]);
  return concatBytes(u64(size), ...levels);
}

/** @throws TlogError storage_corrupt */
export function decodeEdge(hasher: TreeHasher, bytes: Uint8Array): Edge {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 8) throw corrupt('is cut short');
  const size = view.getBigUint64(0);
  if (size > BigInt(SIZE_MAX)) throw corrupt('has a size over 2^53 - 1');
  const tiles: TileNodes[] = [];
  for (let at = 8; at < bytes.length; ) {
    const width = at + 2 <= bytes.length ? view.getUint16(at) : TILE_WIDTH;
    const end = at + 2 + width * HASH_BYTES;
    if (width >= TILE_WIDTH || end > bytes.length) throw corrupt('has a tile that cannot be');
    tiles.push(TileNodes.fromLeaves(hasher, bytes.slice(at + 2, end)));
    at = end;
  }
  return { size: treeSize(Number(size)), tiles };
}

/** A head that was heard of: its note, and the milliseconds since 1970 since when it could not be connected, or 0. */
export interface HeardRow {
  readonly note: string;
  readonly sinceMs: number;
}

/** u64 milliseconds, note. */
export function encodeHeard({ note, sinceMs }: HeardRow): Uint8Array {
  return concatBytes(u64(sinceMs), new TextEncoder().encode(note));
}

/** The note has to be verified. */
export function decodeHeard(row: Uint8Array): HeardRow {
  if (row.length < 8) throw new TlogError('storage_corrupt', 'a heard head of a monitor is cut short');
  const sinceMs = Number(new DataView(row.buffer, row.byteOffset, row.length).getBigUint64(0));
  return { sinceMs, note: new TextDecoder().decode(row.subarray(8)) };
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(Math.floor(value / 256), value % 256);
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function corrupt(what: string): TlogError {
  return new TlogError('storage_corrupt', `an edge of a monitor ${what}`);
}
