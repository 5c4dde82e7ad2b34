import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/store/crc32c.ts';
import { damagedFile, refuseHoledLog } from '../../src/store/level-files.ts';
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
});
