import { maskedCrc32c } from './crc32c.ts';
import { type BlockRow, blockOf, readRows } from './level-block.ts';
import { readVarint, uncompressSnappy, varint } from './snappy.ts';

/** A block whose bytes are not as they were written. */
export interface BlockDamage {
  /** Where it begins. */
  readonly offset: number;
  readonly message: string;
}

/** A block of rows, as the index of its table names it. */
export interface TableBlock extends Handle {
  /** LevelDB's own key: no row of this block is behind it, all of the next are. */
  readonly lastKey: Buffer;
}

/** Where a block lies in its table. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

const FOOTER_BYTES = 48;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');
/** Compression and checksum behind each block. */
const TRAILER_BYTES = 5;
/** Far above what LevelDB makes: its blocks hold 4 KiB, or one row. */
const BLOCK_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Looks at the checksum of each block of rows that the index names, of the index itself, and of the filter beside them; gives the first
 * that fails.
 * @see https://github.com/google/leveldb/blob/main/doc/table_format.md
 */
export function damageOfTable(table: Buffer): BlockDamage | undefined {
  const lists = listsOf(table);
  if (lists === undefined)
    return { offset: Math.max(0, table.length - FOOTER_BYTES), message: 'the table has no footer' };
  for (const list of lists) {
    const found = damageOfListed(table, list);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The blocks of rows of a table; undefined where its footer or index is damaged. */
export function blocksOf(table: Buffer): readonly TableBlock[] | undefined {
  const index = checkedBlock(table, listsOf(table)?.[1]);
  if (!(index instanceof Uint8Array)) return undefined;
  const blocks: TableBlock[] = [];
  for (const { key, value } of readRows(index).rows) {
    const [handle] = readHandle(value, 0);
    if (handle === undefined) return undefined;
    blocks.push({ ...handle, lastKey: key });
  }
  return blocks;
}

/** Whether the filter that look-ups go by is as it was written. A table without one has none that is wrong. */
export function hasSoundFilter(table: Buffer): boolean {
  return damageOfListed(table, listsOf(table)?.[0]) === undefined;
}

/** A block with what lies behind it, as it is; nothing where it lies beyond the end. */
export function storedBlock(table: Buffer, { offset, size }: Handle): Buffer {
  return table.subarray(offset, offset + size + TRAILER_BYTES);
}

/** Whether the checksum of a block holds. */
export function isSoundBlock(table: Buffer, handle: Handle): boolean {
  return damageOfBlock(table, handle) === undefined;
}

/** The bytes of a block whatever its checksum says; undefined where it cannot be uncompressed. */
export function blockBytes(table: Buffer, { offset, size }: Handle): Uint8Array | undefined {
  if (offset + size + TRAILER_BYTES > table.length) return undefined;
  const block = table.subarray(offset, offset + size);
  const compression = table[offset + size];
  if (compression === 0) return block;
  return compression === 1 ? uncompressSnappy(block, BLOCK_BYTES_MAX) : undefined;
}

/** A table of these blocks, which are with what lies behind them. Without a filter: look-ups read the block. */
export function tableOf(blocks: readonly { readonly stored: Buffer; readonly lastKey: Buffer }[]): Buffer {
  const parts: Buffer[] = [];
  const index: BlockRow[] = [];
  let offset = 0;
  for (const { stored, lastKey } of blocks) {
    const handle = [varint(offset), varint(stored.length - TRAILER_BYTES)];
    index.push({ key: lastKey, value: Buffer.concat(handle) });
    parts.push(stored);
    offset += stored.length;
  }
  const [filters, list] = [withTrailer(blockOf([])), withTrailer(blockOf(index))];
  const footer = Buffer.alloc(FOOTER_BYTES);
  const places = [
    offset,
    filters.length - TRAILER_BYTES,
    offset + filters.length,
    list.length - TRAILER_BYTES,
  ];
  Buffer.concat(places.map(varint)).copy(footer);
  MAGIC.copy(footer, FOOTER_BYTES - MAGIC.length);
  return Buffer.concat([...parts, filters, list, footer]);
}

/** A block that is not compressed, as a table stores it. */
export function withTrailer(block: Uint8Array): Buffer {
  const stored = Buffer.concat([block, Buffer.alloc(TRAILER_BYTES)]);
  stored.writeUInt32LE(maskedCrc32c(stored.subarray(0, block.length + 1)), block.length + 1);
  return stored;
}

/** The list of filters and the index; undefined where there is no footer. */
function listsOf(table: Buffer): readonly (Handle | undefined)[] | undefined {
  const footer = table.subarray(-FOOTER_BYTES);
  if (table.length < FOOTER_BYTES || !footer.subarray(-MAGIC.length).equals(MAGIC)) return undefined;
  const [filters, next] = readHandle(footer, 0);
  const [index] = readHandle(footer, next);
  return [filters, index];
}

/** A block that lists others, and those. */
function damageOfListed(table: Buffer, list: Handle | undefined): BlockDamage | undefined {
  const block = checkedBlock(table, list);
  if (!(block instanceof Uint8Array)) return block;
  for (const { value } of readRows(block).rows) {
    const listed = checkedBlock(table, readHandle(value, 0)[0]);
    if (!(listed instanceof Uint8Array)) return listed;
  }
  return undefined;
}

/** A block whose checksum is right, uncompressed; else what is wrong. */
function checkedBlock(table: Buffer, handle: Handle | undefined): Uint8Array | BlockDamage {
  if (handle === undefined) return { offset: table.length, message: 'a block lies beyond the end' };
  const { offset } = handle;
  return damageOfBlock(table, handle) ?? blockBytes(table, handle) ?? { offset, message: 'not Snappy' };
}

function damageOfBlock(table: Buffer, { offset, size }: Handle): BlockDamage | undefined {
  if (offset + size + TRAILER_BYTES > table.length) return { offset, message: 'a block lies beyond the end' };
  const checked = table.subarray(offset, offset + size + 1);
  if (maskedCrc32c(checked) === table.readUInt32LE(offset + size + 1)) return undefined;
  return { offset, message: `the block at ${offset} fails its checksum` };
}

function readHandle(bytes: Uint8Array, at: number): readonly [Handle | undefined, number] {
  const [offset, middle] = readVarint(bytes, at);
  const [size, next] = readVarint(bytes, middle);
  return [offset === undefined || size === undefined ? undefined : { offset, size }, next];
}
