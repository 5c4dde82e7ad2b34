import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { maskedCrc32c } from './crc32c.ts';
import { writeRefusal } from './disk-error.ts';
import { logParts } from './level-log.ts';
import { tablesInUse } from './level-manifest.ts';
import { readVarint, uncompressSnappy } from './snappy.ts';

/** A place in a file of a database whose bytes fail LevelDB's own checksum. */
export interface FileDamage {
  /** Name in the folder of the database. */
  readonly file: string;
  /** Where the block or record begins that is wrong. */
  readonly offset: number;
  readonly message: string;
}

/**
 * Reads every table in use, log and MANIFEST of a closed database and checks the sums that LevelDB does not look at when
 * it reads; gives the first that fails. A log that only ends too early is what a crash leaves, a table that MANIFEST does
 * not name what a stop in a compaction leaves: neither is damage.
 * @throws TlogError data_damaged, not_writable for a file that is there and cannot be read
 * @see https://github.com/google/leveldb/blob/main/doc/table_format.md and log_format.md
 */
export async function damagedFile(folder: string): Promise<FileDamage | undefined> {
  const inUse = await readTablesInUse(folder);
  const isInUse = (table: string): boolean => inUse?.has(Number.parseInt(table, 10)) ?? true;
  return firstDamage(folder, (file) => (TABLE.test(file) ? isInUse(file) : LOG.test(file)));
}

/**
 * Refuses a database whose logs or MANIFEST have lost a part of their middle (spec STORE-11): LevelDB leaves it out
 * without a word and goes on with what comes later. A few MiB, cheap enough for every start.
 * @throws TlogError data_damaged, not_writable
 */
export async function refuseHoledLog(folder: string): Promise<void> {
  const damage = await firstDamage(folder, (file) => LOG.test(file));
  if (damage === undefined) return;
  const { file, offset, message } = damage;
  throw new TlogError(
    'data_damaged',
    `${folder}/${file}: ${message}; run stele repair, or restore a backup`,
    {
      details: { file, offset },
    },
  );
}

const TABLE = /\.(?:ldb|sst)$/;
const LOG = /\.log$|^MANIFEST-/;

async function firstDamage(
  folder: string,
  isChecked: (file: string) => boolean,
): Promise<FileDamage | undefined> {
  const names = (await unlessGone(folder, (path) => readdir(path))) ?? [];
  for (const file of names.filter(isChecked).sort()) {
    const bytes = await unlessGone(join(folder, file), (path) => readFile(path));
    if (bytes === undefined) continue;
    const found = TABLE.test(file) ? checkTable(bytes) : checkRecords(bytes);
    if (found !== undefined) return { file, ...found };
  }
  return undefined;
}

/** Undefined where that cannot be known: then every table is looked at. */
async function readTablesInUse(folder: string): Promise<ReadonlySet<number> | undefined> {
  const name = await unlessGone(join(folder, 'CURRENT'), (path) => readFile(path, 'utf8'));
  const manifest = name && (await unlessGone(join(folder, name.trim()), (path) => readFile(path)));
  return manifest instanceof Buffer ? tablesInUse(manifest) : undefined;
}

/** A folder that is not there is for the open to tell; a file may be removed by whoever has the database open. */
async function unlessGone<T>(path: string, read: (path: string) => Promise<T>): Promise<T | undefined> {
  try {
    return await read(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const message = `${path} cannot be read; look at the disk, or restore a backup`;
    throw writeRefusal(path, cause, new TlogError('data_damaged', message, { cause }));
  }
}

type Found = Omit<FileDamage, 'file'> | undefined;

const FOOTER_BYTES = 48;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');
/** Compression and checksum behind each block. */
const TRAILER_BYTES = 5;
/** Far above what LevelDB makes: its blocks hold 4 KiB, or one row. */
const BLOCK_BYTES_MAX = 64 * 1024 * 1024;

/** Where a block lies in its table. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Each data block that the index names, the index itself, and the filter beside them. */
function checkTable(bytes: Buffer): Found {
  const footer = bytes.subarray(-FOOTER_BYTES);
  if (bytes.length < FOOTER_BYTES || !footer.subarray(-MAGIC.length).equals(MAGIC))
    return { offset: Math.max(0, bytes.length - FOOTER_BYTES), message: 'the table has no footer' };
  const [meta, next] = readHandle(footer, 0);
  const [index] = readHandle(footer, next);
  for (const list of [meta, index]) {
    const found = checkListed(bytes, list);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A block that lists others, and those. */
function checkListed(table: Buffer, list: Handle | undefined): Found {
  const block = readBlock(table, list);
  if (!(block instanceof Uint8Array)) return block;
  for (const handle of handlesIn(block)) {
    const listed = readBlock(table, handle);
    if (!(listed instanceof Uint8Array)) return listed;
  }
  return undefined;
}

/** A block whose checksum is right, uncompressed; else what is wrong. */
function readBlock(table: Buffer, handle: Handle | undefined): Uint8Array | NonNullable<Found> {
  if (handle === undefined || handle.offset + handle.size + TRAILER_BYTES > table.length)
    return { offset: handle?.offset ?? table.length, message: 'a block lies beyond the end' };
  const { offset, size } = handle;
  const checked = table.subarray(offset, offset + size + 1);
  if (maskedCrc32c(checked) !== table.readUInt32LE(offset + size + 1))
    return { offset, message: `the block at ${offset} fails its checksum` };
  const block = checked.subarray(0, size);
  const isPlain = table[offset + size] === 0;
  return isPlain ? block : (uncompressSnappy(block, BLOCK_BYTES_MAX) ?? { offset, message: 'not Snappy' });
}

/** The handles that are the values of a block's rows; the keys do not matter here. */
function* handlesIn(block: Uint8Array): Generator<Handle | undefined> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const restarts = block.length < 4 ? 0 : view.getUint32(block.length - 4, true);
  const end = block.length - 4 - restarts * 4;
  for (let at = 0; at < end; ) {
    const [, afterShared] = readVarint(block, at);
    const [keyBytes = 0, afterKey] = readVarint(block, afterShared);
    const [valueBytes = 0, start] = readVarint(block, afterKey);
    yield readHandle(block, start + keyBytes)[0];
    at = Math.max(start + keyBytes + valueBytes, at + 1);
  }
}

function readHandle(bytes: Uint8Array, at: number): readonly [Handle | undefined, number] {
  const [offset, middle] = readVarint(bytes, at);
  const [size, next] = readVarint(bytes, middle);
  return [offset === undefined || size === undefined ? undefined : { offset, size }, next];
}

/** A record that is wrong and has a right one behind it: what a crash cuts off or leaves half written is at the end. */
function checkRecords(bytes: Buffer): Found {
  let wrong: number | undefined;
  for (const { at, isSound } of logParts(bytes)) {
    if (!isSound) wrong ??= at;
    else if (wrong !== undefined)
      return { offset: wrong, message: `the record at ${wrong} fails its checksum` };
  }
  return undefined;
}
