import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { REPAIR, writeRefusal } from './disk-error.ts';
import { logParts } from './level-log.ts';
import { tablesInUse } from './level-manifest.ts';
import { damageOfTable } from './level-table.ts';

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
  throw new TlogError('data_damaged', `${folder}/${file}: ${message}; ${REPAIR}`, {
    details: { file, offset },
  });
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
    const found = TABLE.test(file) ? damageOfTable(bytes) : checkRecords(bytes);
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
