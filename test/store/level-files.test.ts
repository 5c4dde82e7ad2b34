import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { describe, expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from '../../src/store/crc32c.ts';
import { damagedFile, refuseHoledLog } from '../../src/store/level-files.ts';
import { tablesInUse } from '../../src/store/level-manifest.ts';
import { uncompressSnappy } from '../../src/store/snappy.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

/** A database with tables, rows that compress and rows that do not, and a log. */
async function someDatabase(): Promise<string> {
  const folder = join(await tempFolder(), 'db');
  const random = new SeededRandom(7);
  for (let session = 0; session < 3; session += 1) {
    const db = new Level<string, Buffer>(folder, { valueEncoding: 'buffer' });
    for (let i = 0; i < 400; i += 1) {
      const value = i % 2 === 0 ? random.bytes(200) : Buffer.alloc(300, i);
      await db.put(`key ${session} ${i}`, value, { sync: false });
    }
    await db.close();
  }
  return folder;
}

async function named(folder: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(folder)).find((one) => pattern.test(one));
  if (name === undefined) throw new Error(`no ${pattern} in ${folder}`);
  return name;
}

describe('CRC-32C', () => {
  // RFC 3720 B.4
  test.each([
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [text('123456789'), 0xe3069283],
  ])('%#', (bytes, expected) => expect(crc32c(bytes)).toBe(expected));

  test('of parts is that of the whole', () => {
    expect(crc32c(text('1234'), text('56789'))).toBe(crc32c(text('123456789')));
  });
});

describe('Snappy', () => {
  test.each([
    ['a literal', '051048656c6c6f', 'Hello'],
    ['a literal longer than its block', '0548656c6c6f', undefined],
    ['a byte, and nine more by a copy that reaches into itself', '0a00611501', 'aaaaaaaaaa'],
    ['a copy with a two-byte offset', '0a106162636465120500', 'abcdeabcde'],
    ['fewer bytes than it says', '0a00610d01', undefined],
    ['more bytes than it says', '09106162636465120500', undefined],
    ['a copy from before the start', '0a00611502', undefined],
    ['nothing', '', undefined],
  ])('%s', (_, hex, expected) => {
    const found = uncompressSnappy(Buffer.from(hex, 'hex'), 100);
    expect(found === undefined ? undefined : Buffer.from(found).toString()).toBe(expected);
  });

  test('no more than is allowed', () => {
    expect(uncompressSnappy(Buffer.from('0a00611501', 'hex'), 9)).toBeUndefined();
  });
});

describe('FSCK-5 sums of LevelDB that it does not look at', () => {
  test('hold in a sound database, and in one that a crash has cut off', async () => {
    const folder = await someDatabase();
    expect(await damagedFile(folder)).toBeUndefined();
    const log = join(folder, await named(folder, /\.log$/));
    const { length } = await readFile(log);
    for (const cut of [1, 5, 300]) {
      await truncate(log, length - cut);
      expect(await damagedFile(folder)).toBeUndefined();
    }
    await writeFile(log, Buffer.concat([await readFile(log), Buffer.alloc(5_000)]));
    expect(await damagedFile(folder)).toBeUndefined();
  });

  test('every flipped bit of a table and of a log but its end is found, in the file where it is', async () => {
    const folder = await someDatabase();
    const random = new SeededRandom(11);
    for (const pattern of [/\.ldb$/, /\.log$/]) {
      const file = await named(folder, pattern);
      const good = await readFile(join(folder, file));
      // The footer has no sum of its own; the last record of a log may be what a crash has left.
      const end = pattern.test('x.log') ? good.length - 400 : good.length - 48;
      for (let i = 0; i < 150; i += 1) {
        const at = random.int(0, end);
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at) ^ (1 << random.int(0, 8)), at);
        await writeFile(join(folder, file), bad);
        expect(await damagedFile(folder), `byte ${at} of ${file}`).toMatchObject({ file });
      }
      await writeFile(join(folder, file), good);
    }
  });

  test('what is gone is passed over, and what cannot be read is told', async () => {
    const folder = await someDatabase();
    expect(await damagedFile(join(folder, 'none'))).toBeUndefined();
    // Listed, and not there when it is opened.
    await symlink(join(folder, 'none'), join(folder, '000098.ldb'));
    expect(await damagedFile(folder)).toBeUndefined();
    await refuseHoledLog(folder);
    await mkdir(join(folder, '000099.log'));
    const told = { code: 'data_damaged', message: expect.stringContaining('000099.log cannot be read') };
    await expect(damagedFile(folder)).rejects.toMatchObject(told);
    await expect(refuseHoledLog(folder)).rejects.toMatchObject(told);
  });

  test.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ['emptied', () => Buffer.alloc(0)],
    ['of another sort', (bytes: Buffer) => Buffer.alloc(bytes.length, 7)],
    ['with a footer that leads beyond it', (bytes: Buffer) => bytes.subarray(-48)],
  ])('a table that is %s is found', async (_, change) => {
    const folder = await someDatabase();
    const file = await named(folder, /\.ldb$/);
    await writeFile(join(folder, file), change(await readFile(join(folder, file))));
    expect(await damagedFile(folder)).toMatchObject({ file });
  });

  test('a table that MANIFEST does not name is none of the database', async () => {
    const folder = await someDatabase();
    const table = await readFile(join(folder, await named(folder, /\.ldb$/)));
    await writeFile(join(folder, '000998.ldb'), table.subarray(0, 1_000));
    expect(await damagedFile(folder)).toBeUndefined();
    // Without a MANIFEST that says so, it may be one.
    await rm(join(folder, await named(folder, /^MANIFEST-/)));
    expect(await damagedFile(folder)).toMatchObject({ file: '000998.ldb' });
  });
});

/** A log file with these records, each in as few parts as its blocks allow. */
function logOf(records: readonly Buffer[]): Buffer {
  let log = Buffer.alloc(0);
  for (const record of records) {
    for (let at = 0; at < record.length || at === 0; ) {
      const room = 32_768 - (log.length % 32_768) - 7;
      const bytes = record.subarray(at, at + room);
      const [isFirst, isLast] = [at === 0, at + bytes.length === record.length];
      const typed = Buffer.concat([Buffer.of(isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3), bytes]);
      const header = Buffer.alloc(6);
      header.writeUInt32LE(maskedCrc32c(typed));
      header.writeUInt16LE(bytes.length, 4);
      log = Buffer.concat([log, header, typed]);
      at += Math.max(1, bytes.length);
    }
  }
  return log;
}

describe('FSCK-5 tables that a MANIFEST names', () => {
  /** Level 1, so many bytes, keys `a` to `b`. */
  const added = (table: number): Buffer => Buffer.from([7, 1, table, 9, 1, 0x61, 1, 0x62]);
  const deleted = (table: number): Buffer => Buffer.from([6, 1, table]);
  const others = Buffer.from([1, 1, 0x78, 2, 5, 3, 6, 4, 7, 5, 1, 1, 0x61, 9, 3]);
  const long = Buffer.concat([Buffer.from([1, 0xe0, 0xd4, 0x03]), Buffer.alloc(60_000, 0x78)]);

  test.each<[string, Buffer[], number[] | undefined]>([
    ['none', [others], []],
    ['added', [Buffer.concat([others, added(5)]), added(6)], [5, 6]],
    ['deleted later', [added(5), Buffer.concat([deleted(5), added(6)])], [6]],
    ['moved, which deletes it first', [added(5), Buffer.concat([deleted(5), added(5)])], [5]],
    ['beside a field of another sort', [Buffer.concat([Buffer.of(8), added(5)])], undefined],
    ['cut off in a number', [added(5).subarray(0, 3), added(6)], undefined],
    ['cut off in a key', [added(5).subarray(0, 7)], undefined],
    ['in a record of several blocks', [added(5), Buffer.concat([long, added(6)]), added(7)], [5, 6, 7]],
  ])('%s', (_, edits, expected) => {
    const found = tablesInUse(logOf(edits));
    expect(found === undefined ? undefined : [...found]).toEqual(expected);
  });

  test('up to what a crash has left half written', () => {
    const log = logOf([added(5), added(6)]);
    log.writeUInt8(0xff, log.length - 1);
    expect([...(tablesInUse(log) ?? [])]).toEqual([5]);
    expect([...(tablesInUse(log.subarray(0, -2)) ?? [])]).toEqual([5]);
  });

  test('are the tables of a database as LevelDB wrote it', async () => {
    const folder = await someDatabase();
    const tables = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
    const manifest = await readFile(join(folder, await named(folder, /^MANIFEST-/)));
    const found = [...(tablesInUse(manifest) ?? [])].sort();
    expect(found).toEqual(tables.map((name) => Number.parseInt(name, 10)).sort());
  });
});
