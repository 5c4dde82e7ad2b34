import { readVarint, varint } from './snappy.ts';

/** A row of a block, with the key that the block has for it. */
export interface BlockRow {
  readonly key: Buffer;
  readonly value: Uint8Array;
}

/** Rows as they lie in a block. */
export interface BlockRows {
  readonly rows: readonly BlockRow[];
  /** Whether the block is these rows and nothing else. */
  readonly isWhole: boolean;
}

/**
 * The rows of an uncompressed block. Of a damaged one those that can be read: keys are stored whole at some places, from each of which
 * it is read again.
 */
export function readRows(block: Uint8Array): BlockRows {
  const places = restartsOf(block);
  const starts = places?.starts ?? [0];
  const end = places?.end ?? block.length;
  const rows: BlockRow[] = [];
  let isWhole = places !== undefined;
  for (const [i, start] of starts.entries()) {
    const next = starts[i + 1] ?? end;
    isWhole = readRun(block, start, next, rows) === next && isWhole;
  }
  return { rows, isWhole };
}

/** A block of rows, each with its whole key. */
export function blockOf(rows: readonly BlockRow[]): Buffer {
  const parts: Buffer[] = [];
  const starts: number[] = [];
  let at = 0;
  for (const { key, value } of rows) {
    const part = Buffer.concat([varint(0), varint(key.length), varint(value.length), key, value]);
    starts.push(at);
    at += part.length;
    parts.push(part);
  }
  if (starts.length === 0) starts.push(0);
  return Buffer.concat([...parts, ...[...starts, starts.length].map(littleEndian)]);
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Where keys are stored whole, and where rows end; undefined where that list is damaged. */
function restartsOf(
  block: Uint8Array,
): { readonly starts: readonly number[]; readonly end: number } | undefined {
  if (block.length < 8) return undefined;
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const count = view.getUint32(block.length - 4, true);
  const end = block.length - 4 - 4 * count;
  if (count === 0 || end < 0) return undefined;
  const starts = Array.from({ length: count }, (_, i) => view.getUint32(end + 4 * i, true));
  const ascends = starts.every(
    (start, i) => start <= end && (i === 0 ? start === 0 : start > (starts[i - 1] ?? 0)),
  );
  return ascends ? { starts, end } : undefined;
}

/** Reads rows from a place where a key is stored whole, and says where the first lies that is none, or the end. */
function readRun(block: Uint8Array, start: number, end: number, rows: BlockRow[]): number {
  let key = Buffer.alloc(0);
  let at = start;
  while (at < end) {
    const [shared, afterShared] = readVarint(block, at);
    const [own, afterOwn] = readVarint(block, afterShared);
    const [valueBytes, keyStart] = readVarint(block, afterOwn);
    if (shared === undefined || own === undefined || valueBytes === undefined) return at;
    const keyEnd = keyStart + own;
    if (shared > key.length || keyEnd + valueBytes > end) return at;
    key = Buffer.concat([key.subarray(0, shared), block.subarray(keyStart, keyEnd)]);
    at = keyEnd + valueBytes;
    rows.push({ key, value: block.subarray(keyEnd, at) });
  }
  return at;
}
