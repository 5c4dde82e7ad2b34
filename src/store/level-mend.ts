import { link, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { fitsCheck } from './checked-store.ts';
import { isGone, unread, writeFailure } from './disk-error.ts';
import { writeFileDurably } from './durable-file.ts';
import { syncFolder } from './guard-files.ts';
import { isFolderAfterPutBack, KeptFiles } from './kept-files.ts';
import { type BlockRow, blockOf, readRows } from './level-block.ts';
import { compareKeys, isKey, isKeyOfRow, rowOf } from './level-key.ts';
import { logParts } from './level-log.ts';
import { editedManifest, type ManifestContent, type NamedTable, readManifestFile } from './level-manifest.ts';
import { LevelStore } from './level-store.ts';
import {
  blockBytes,
  blocksOf,
  hasSoundFilter,
  isSoundBlock,
  storedBlock,
  type TableBlock,
  tableOf,
  withTrailer,
} from './level-table.ts';
import { rowName } from './row-place.ts';

/**
 * Makes tables of a closed database readable: LevelDB ends the process, or gives up a whole table, where it meets a block in which no rows
 * can be made out. Such tables are written anew with all rows of theirs that can be; a row that is there and wrong stays, for whoever
 * looks at rows. What was there before is kept as before an open (spec STORE-7), so that a refusal brings it back.
 * @returns between which rows something was left out; nothing where nothing had to be
 * @throws TlogError data_locked
 */
export async function mendTables(db: string): Promise<readonly string[]> {
  try {
    return (await isFolderAfterPutBack(db)) ? await alone(db, () => mendAll(db)) : [];
  } catch (error) {
    throw writeFailure(db, error);
  }
}

async function mendAll(db: string): Promise<readonly string[]> {
  const found = (await manifestOf(db)) ?? (await nameManifest(db));
  if (found === undefined) return [];
  const mended: MendedTable[] = [];
  for (const table of [...found.content.tables.values()].sort((a, b) => a.number - b.number)) {
    const file = await bytesOf(join(db, nameOf(table)));
    const made = mend(table, file) ?? renumbered(table, file, mended);
    if (made !== undefined) mended.push(made);
  }
  if (mended.length > 0) await replace(db, found, mended);
  return mended.flatMap(({ leftOut }) => leftOut);
}

/** In level 0 the table of the highest number is the newest: those above one that gets a new number get newer ones, as they are. */
function renumbered(
  table: NamedTable,
  file: Buffer | undefined,
  mended: readonly MendedTable[],
): MendedTable | undefined {
  const isBehind = table.level === 0 && mended.some((one) => one.table.level === 0);
  return isBehind ? { table, bytes: file?.subarray(0, table.bytes), leftOut: [] } : undefined;
}

/** A MANIFEST as it is, and what it says. */
interface FoundManifest {
  readonly bytes: Buffer;
  readonly content: ManifestContent;
}

/** What takes the place of a table; without bytes nothing does. */
interface MendedTable {
  readonly table: NamedTable;
  readonly bytes: Buffer | undefined;
  readonly leftOut: readonly string[];
}

/** Undefined where CURRENT or MANIFEST are of no use, or not sound throughout: tables that the rest of it names would count as gone. */
async function manifestOf(db: string): Promise<FoundManifest | undefined> {
  const current = (await bytesOf(join(db, 'CURRENT')))?.toString() ?? '';
  // LevelDB takes no name without its line end.
  return /^MANIFEST-[0-9]+\n$/.test(current) ? readManifest(join(db, current.trim())) : undefined;
}

async function readManifest(path: string): Promise<FoundManifest | undefined> {
  const bytes = await bytesOf(path);
  if (bytes === undefined || ![...logParts(bytes)].every((part) => part.isSound)) return undefined;
  const content = readManifestFile(bytes);
  return content && { bytes, content };
}

/**
 * Without a CURRENT that can be read: the MANIFEST where there is one alone and all of it is sound, which CURRENT names from then on. All
 * else is for the open to tell.
 */
async function nameManifest(db: string): Promise<FoundManifest | undefined> {
  const [name, ...others] = (await readdir(db)).filter((file) => /^MANIFEST-[0-9]+$/.test(file));
  if (name === undefined || others.length > 0) return undefined;
  const found = await readManifest(join(db, name));
  if (found === undefined || found.content.nextNumber === 0) return undefined;
  await KeptFiles.keep(db);
  await writeFileDurably(join(db, 'CURRENT'), `${name}\n`);
  return found;
}

/** Undefined where nothing is there. @throws TlogError storage_unreadable: what a disk cannot read now may be whole */
async function bytesOf(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (isGone(error)) return undefined;
    throw unread(path, error);
  });
}

function nameOf({ number }: Pick<NamedTable, 'number'>): string {
  return `${String(number).padStart(6, '0')}.ldb`;
}

/** Undefined where LevelDB can read all of the table. */
function mend(table: NamedTable, file: Buffer | undefined): MendedTable | undefined {
  const bytes = file?.subarray(0, table.bytes);
  const blocks = bytes && blocksOf(bytes);
  if (bytes === undefined || blocks === undefined) {
    const leftOut = [placeOf(table, table.smallest, table.largest)];
    return { table, bytes: undefined, leftOut };
  }
  const made = blocks.map((block, i) => readable(bytes, block, { table, after: blocks[i - 1]?.lastKey }));
  const leftOut = blocks
    .filter((_, i) => !made[i]?.isWhole)
    .map(({ lastKey }) => placeOf(table, before(blocks, lastKey) ?? table.smallest, lastKey));
  if (leftOut.length === 0 && hasSoundFilter(bytes)) return undefined;
  const kept = made.filter((block) => block.stored.length > 0);
  return { table, bytes: kept.length === 0 ? undefined : tableOf(kept), leftOut };
}

function before(blocks: readonly TableBlock[], lastKey: Buffer): Buffer | undefined {
  return blocks[blocks.findIndex((block) => block.lastKey === lastKey) - 1]?.lastKey;
}

function placeOf(table: NamedTable, from: Buffer, to: Buffer): string {
  return `${nameOf(table)} between ${rowName(rowOf(from))} and ${rowName(rowOf(to))}`;
}

/** Where a block lies: in which table, and behind which key. */
interface Place {
  readonly table: NamedTable;
  readonly after: Buffer | undefined;
}

/** Keys that a block can have; a first block is behind none. */
interface KeyRange {
  readonly from: Buffer;
  readonly after: Buffer | undefined;
  readonly upTo: Buffer;
}

/** A block as it can be read: as it is, or made anew of what rows it has; empty where it has none. */
interface ReadableBlock {
  readonly stored: Buffer;
  readonly lastKey: Buffer;
  readonly isWhole: boolean;
}

function readable(file: Buffer, block: TableBlock, { table, after }: Place): ReadableBlock {
  const { lastKey } = block;
  const asItIs = { stored: storedBlock(file, block), lastKey, isWhole: true };
  if (isSoundBlock(file, block)) return asItIs;
  const bytes = blockBytes(file, block);
  const { rows, isWhole } = bytes === undefined ? { rows: [], isWhole: false } : readRows(bytes);
  const upTo = compareKeys(lastKey, table.largest) < 0 ? lastKey : table.largest;
  const possible = rowsBetween(rows, { from: table.smallest, after, upTo });
  if (isWhole && possible.length === rows.length) return asItIs;
  const stored = possible.length === 0 ? Buffer.alloc(0) : withTrailer(blockOf(possible));
  return { stored, lastKey, isWhole: false };
}

/** Those in order. Rows whose own check is right decide what the order is: a wrong key must not hide those behind it. */
function rowsBetween(rows: readonly BlockRow[], { from, after, upTo }: KeyRange): BlockRow[] {
  const limits: Buffer[] = [];
  let limit = upTo;
  for (const row of rows.toReversed()) {
    limits.unshift(limit);
    if (isRight(row)) limit = row.key;
  }
  const kept: BlockRow[] = [];
  for (const [i, row] of rows.entries()) {
    const last = kept.at(-1)?.key ?? after;
    const isBehind = last === undefined ? compareKeys(from, row.key) <= 0 : compareKeys(last, row.key) < 0;
    if (isKey(row.key) && isBehind && compareKeys(row.key, limits[i] ?? upTo) <= 0) kept.push(row);
  }
  return kept;
}

function isRight({ key, value }: BlockRow): boolean {
  return isKeyOfRow(key) && fitsCheck(rowOf(key), value);
}

/** New tables, then a MANIFEST that names them, and last CURRENT: what is cut short has changed nothing. */
async function replace(
  db: string,
  { bytes, content }: FoundManifest,
  mended: readonly MendedTable[],
): Promise<void> {
  await KeptFiles.keep(db);
  const used = (await readdir(db)).map((name) => Number(/[0-9]+/.exec(name)?.[0] ?? 0));
  let next = Math.max(content.nextNumber, ...used) + 1;
  const replaced: { readonly table: NamedTable; readonly by: NamedTable | undefined }[] = [];
  for (const { table, bytes: made } of mended) {
    const by = made && { ...table, number: next, bytes: made.length };
    if (made !== undefined && by !== undefined) await writeSynced(join(db, nameOf(by)), made);
    replaced.push({ table, by });
    next += 1;
  }
  const manifest = `MANIFEST-${String(next).padStart(6, '0')}`;
  await writeSynced(join(db, manifest), editedManifest(bytes, next + 1, replaced));
  await syncFolder(db);
  await writeFileDurably(join(db, 'CURRENT'), `${manifest}\n`);
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  await writeFile(path, bytes, { mode: 0o600, flush: true });
}

/**
 * Does something while no process can open the database: LevelDB's lock is on the inode of a file, and here an empty database
 * has that file, too.
 * @throws TlogError data_locked
 */
async function alone<T>(db: string, work: () => Promise<T>): Promise<T> {
  const folder = `${db}.lock`;
  await rm(folder, { recursive: true, force: true });
  try {
    await shareLock(db, folder);
    const empty = await LevelStore.create(folder).catch((error: unknown) => {
      throw error instanceof TlogError && error.code === 'data_locked' ? inUse(db, error) : error;
    });
    try {
      // Another one that does the same has put a folder of its own in this place.
      if (!(await isShared(db, folder))) throw inUse(db);
      return await work();
    } finally {
      await empty.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function shareLock(db: string, folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await (await open(join(db, 'LOCK'), 'a')).close();
    await link(join(db, 'LOCK'), join(folder, 'LOCK'));
  } catch (error) {
    throw ['EEXIST', 'ENOENT'].includes(String((error as NodeJS.ErrnoException).code))
      ? inUse(db, error)
      : error;
  }
}

async function isShared(db: string, folder: string): Promise<boolean> {
  const other = await stat(join(folder, 'LOCK')).catch(() => undefined);
  return (await stat(join(db, 'LOCK'))).ino === other?.ino;
}

function inUse(db: string, cause?: unknown): TlogError {
  return new TlogError('data_locked', `${db} is in use by another process; stop it first`, { cause });
}
