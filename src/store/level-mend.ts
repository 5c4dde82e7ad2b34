import { link, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { fitsCheck } from './checked-store.ts';
import { writeFileDurably } from './durable-file.ts';
import { syncFolder } from './guard-files.ts';
import { KeptFiles } from './kept-files.ts';
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
  return alone(db, async () => {
    const found = (await manifestOf(db)) ?? (await nameManifest(db));
    if (found === undefined) return [];
    const mended: MendedTable[] = [];
    for (const table of found.content.tables.values()) {
      const made = mend(table, await bytesOf(join(db, nameOf(table))));
      if (made !== undefined) mended.push(made);
    }
    if (mended.length > 0) await replace(db, found, mended);
    return mended.flatMap(({ leftOut }) => leftOut);
  });
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

/** Undefined where CURRENT or MANIFEST are of no use. */
async function manifestOf(db: string): Promise<FoundManifest | undefined> {
  const current = (await bytesOf(join(db, 'CURRENT')))?.toString() ?? '';
  // LevelDB takes no name without its line end.
  return /^MANIFEST-[0-9]+\n$/.test(current) ? readManifest(join(db, current.trim())) : undefined;
}

async function readManifest(path: string): Promise<FoundManifest | undefined> {
  const bytes = await bytesOf(path);
  const content = bytes && readManifestFile(bytes);
  return bytes && content && { bytes, content };
}

/**
 * Without a CURRENT that can be read: the MANIFEST where there is one alone and all of it is sound, which CURRENT names from then on. All
 * else is for the open to tell.
 */
async function nameManifest(db: string): Promise<FoundManifest | undefined> {
  const [name, ...others] = (await readdir(db)).filter((file) => /^MANIFEST-[0-9]+$/.test(file));
  if (name === undefined || others.length > 0) return undefined;
  const found = await readManifest(join(db, name));
  const isSound = found !== undefined && [...logParts(found.bytes)].every((part) => part.isSound);
  if (!isSound || found.content.nextNumber === 0) return undefined;
  await KeptFiles.keep(db);
  await writeFileDurably(join(db, 'CURRENT'), `${name}\n`);
  return found;
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
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
  const made = blocks.map((block, i) => readable(bytes, block, blocks[i - 1]?.lastKey));
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

/** A block as it can be read: as it is, or made anew of what rows it has; empty where it has none. */
interface ReadableBlock {
  readonly stored: Buffer;
  readonly lastKey: Buffer;
  readonly isWhole: boolean;
}

function readable(table: Buffer, block: TableBlock, after: Buffer | undefined): ReadableBlock {
  const { lastKey } = block;
  const asItIs = { stored: storedBlock(table, block), lastKey, isWhole: true };
  if (isSoundBlock(table, block)) return asItIs;
  const bytes = blockBytes(table, block);
  const { rows, isWhole } = bytes === undefined ? { rows: [], isWhole: false } : readRows(bytes);
  const possible = rowsBetween(rows, after, lastKey);
  if (isWhole && possible.length === rows.length) return asItIs;
  const stored = possible.length === 0 ? Buffer.alloc(0) : withTrailer(blockOf(possible));
  return { stored, lastKey, isWhole: false };
}

/** Those in order. Rows whose own check is right decide what the order is: a wrong key must not hide those behind it. */
function rowsBetween(rows: readonly BlockRow[], after: Buffer | undefined, upTo: Buffer): BlockRow[] {
  const limits: Buffer[] = [];
  let limit = upTo;
  for (const row of rows.toReversed()) {
    limits.unshift(limit);
    if (isRight(row)) limit = row.key;
  }
  const kept: BlockRow[] = [];
  for (const [i, row] of rows.entries()) {
    const last = kept.at(-1)?.key ?? after;
    const isBehind = last === undefined || compareKeys(last, row.key) < 0;
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
  await mkdir(folder, { mode: 0o700 });
  try {
    await (await open(join(db, 'LOCK'), 'a')).close();
    await link(join(db, 'LOCK'), join(folder, 'LOCK'));
    const empty = await LevelStore.create(folder).catch((error: unknown) => {
      if (!(error instanceof TlogError) || error.code !== 'data_locked') throw error;
      throw new TlogError('data_locked', `${db} is in use by another process; stop it first`, {
        cause: error,
      });
    });
    try {
      return await work();
    } finally {
      await empty.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
