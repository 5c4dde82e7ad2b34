import { cp, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckedStore, fitsCheck } from '../../src/store/checked-store.ts';
import { blockOf, readRows } from '../../src/store/level-block.ts';
import { damagedFile } from '../../src/store/level-files.ts';
import { logOfRecords, logParts } from '../../src/store/level-log.ts';
import { mendTables } from '../../src/store/level-mend.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { blocksOf } from '../../src/store/level-table.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ALL = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
const PAGE = 4_096;
let shared = '';

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'stele-'));
  await makeDatabase(join(shared, 'db'));
});
afterAll(() => rm(shared, { recursive: true, force: true }));

/** A stopped database of several tables, with rows that compress and rows that do not. */
async function someDatabase(): Promise<string> {
  const folder = join(await tempFolder(), 'db');
  await cp(join(shared, 'db'), folder, { recursive: true });
  return folder;
}

async function makeDatabase(folder: string): Promise<void> {
  const random = new SeededRandom(3);
  for (let session = 0; session < 3; session += 1) {
    const engine = session === 0 ? await LevelStore.create(folder) : await LevelStore.open(folder);
    await engine.accept();
    const puts = Array.from({ length: 600 }, (_, i) => ({
      key: Buffer.from(`k${String(i * 3 + session).padStart(6, '0')}`),
      value: i % 2 === 0 ? random.bytes(200) : Buffer.alloc(200, i),
    }));
    expect(await new CheckedStore(engine).commit({ puts, deletes: [] })).toBe('committed');
    await engine.close();
  }
  // The rows of the last session move from the log into a table.
  const engine = await LevelStore.open(folder);
  await engine.accept();
  await engine.close();
}

async function rowsIn(folder: string): Promise<Map<string, string>> {
  const engine = await LevelStore.open(folder);
  try {
    const rows = new Map<string, string>();
    for await (const [key, sealed] of engine.iterate(ALL)) {
      const looked = engine.get(key);
      if (!fitsCheck(key, sealed) || looked === undefined || Buffer.compare(looked, sealed) !== 0)
        throw new Error(`row ${Buffer.from(key)} is wrong`);
      rows.set(Buffer.from(key).toString(), Buffer.from(sealed).toString('hex'));
    }
    return rows;
  } finally {
    await engine.close();
  }
}

async function tablesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
  return names.map((name) => join(folder, name));
}

/** Changes the first table as it lies on the disk. */
async function spoil(folder: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const [path = ''] = await tablesIn(folder);
  await writeFile(path, change(await readFile(path)));
}

const zeroed = (at: number) => (bytes: Buffer) => bytes.fill(0, at, at + PAGE);

describe('REPAIR-7 tables that LevelDB cannot read', () => {
  test('a sound database stays as it is', async () => {
    const folder = await someDatabase();
    const before = (await readdir(folder)).sort();
    expect(await mendTables(folder)).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(before);
    expect(await readdir(join(folder, '..'))).toEqual(['db']);
  });

  test.each<[string, (folder: string) => Promise<void>]>([
    ['a page of zeros', (folder) => spoil(folder, zeroed(2 * PAGE))],
    ['the first page of zeros', (folder) => spoil(folder, zeroed(0))],
    ['a page of anything', (folder) => spoil(folder, (bytes) => bytes.fill(0xa7, PAGE, 2 * PAGE))],
    ['no end', (folder) => spoil(folder, (bytes) => bytes.subarray(0, bytes.length / 2))],
    ['an end of zeros', (folder) => spoil(folder, (bytes) => bytes.fill(0, bytes.length - 100))],
    ['nothing in it', (folder) => spoil(folder, () => Buffer.alloc(0))],
    ['no file', async (folder) => rm((await tablesIn(folder))[0] ?? '')],
  ])('%s: what can be read is kept, and where something is left out is told', async (_, damage) => {
    const all = await rowsIn(await someDatabase());
    const folder = await someDatabase();
    const others = (await tablesIn(folder)).length - 1;
    await damage(folder);
    const leftOut = await mendTables(folder);
    expect(leftOut).not.toEqual([]);
    for (const place of leftOut)
      expect(place).toMatch(/^[0-9]{6}\.ldb between .* row [0-9a-f]+ and .* row [0-9a-f]+$/);
    expect(await damagedFile(folder)).toBeUndefined();
    const rows = await rowsIn(folder);
    expect([...rows].filter(([key, value]) => all.get(key) !== value)).toEqual([]);
    expect(rows.size).toBeGreaterThanOrEqual(600 * others);
    expect(rows.size).toBeLessThan(all.size);
  });

  test('of a page of zeros no more is left out than lay in its blocks', async () => {
    const all = await rowsIn(await someDatabase());
    const folder = await someDatabase();
    await spoil(folder, zeroed(4 * PAGE));
    expect((await mendTables(folder)).length).toBeLessThanOrEqual(3);
    expect((await rowsIn(folder)).size).toBeGreaterThan(all.size - 100);
  });

  test('a row that is there and wrong stays, for whoever looks at rows', async () => {
    const folder = await someDatabase();
    await spoil(folder, (bytes) => {
      // In the value of a row that does not compress.
      bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
      return bytes;
    });
    expect(await damagedFile(folder)).toBeDefined();
    expect(await mendTables(folder)).toEqual([]);
  });

  test(
    'whatever a bit or a page is turned into, no process ends and no right row changes',
    { timeout: 300_000 },
    async () => {
      const all = await rowsIn(await someDatabase());
      const random = new SeededRandom(5);
      for (let i = 0; i < 60; i += 1) {
        const folder = await someDatabase();
        await spoil(folder, (bytes) => {
          const at = random.int(0, bytes.length);
          return i % 2 === 0
            ? bytes.fill(random.bytes(64), at, at + random.int(1, 200))
            : bytes.fill(bytes.readUInt8(at) ^ (1 << random.int(0, 8)), at, at + 1);
        });
        await mendTables(folder);
        const engine = await LevelStore.open(folder);
        await engine.accept();
        for await (const [key, sealed] of engine.iterate(ALL))
          if (fitsCheck(key, sealed))
            expect(all.get(Buffer.from(key).toString())).toBe(Buffer.from(sealed).toString('hex'));
        // Merging is where LevelDB looks at the order of keys.
        await engine.compact();
        await engine.close();
      }
    },
  );

  test('what was there comes back when the start that follows is refused', async () => {
    const folder = await someDatabase();
    await spoil(folder, zeroed(2 * PAGE));
    const before = (await readdir(folder)).filter((name) => /ldb$|^MANIFEST|^CURRENT/.test(name)).sort();
    await mendTables(folder);
    await (await LevelStore.open(folder)).close();
    expect((await readdir(folder)).filter((name) => /ldb$|^MANIFEST|^CURRENT/.test(name)).sort()).toEqual(
      before,
    );
    expect(await damagedFile(folder)).toBeDefined();
  });

  test.each<[string, (path: string) => Promise<void>]>([
    ['empty', (path) => truncate(path, 0)],
    ['gone', (path) => rm(path)],
    ['of zeros', (path) => writeFile(path, Buffer.alloc(16))],
    ['without its line end', async (path) => truncate(path, (await readFile(path)).length - 1)],
    ['of a MANIFEST that is not there', (path) => writeFile(path, 'MANIFEST-999999\n')],
  ])('a CURRENT that is %s names the one MANIFEST again', async (_, damage) => {
    const all = await rowsIn(await someDatabase());
    const folder = await someDatabase();
    await damage(join(folder, 'CURRENT'));
    expect(await mendTables(folder)).toEqual([]);
    expect(await rowsIn(folder)).toEqual(all);
  });

  test('without a MANIFEST that is sound, or with two, nothing is done', async () => {
    const folder = await someDatabase();
    const manifest = (await readdir(folder)).find((name) => name.startsWith('MANIFEST-')) ?? '';
    await rm(join(folder, 'CURRENT'));
    await cp(join(folder, manifest), join(folder, 'MANIFEST-999999'));
    expect(await mendTables(folder)).toEqual([]);
    await rm(join(folder, 'MANIFEST-999999'));
    const bytes = await readFile(join(folder, manifest));
    await writeFile(join(folder, manifest), bytes.fill(bytes.readUInt8(20) ^ 1, 20, 21));
    expect(await mendTables(folder)).toEqual([]);
    await truncate(join(folder, manifest), 0);
    expect(await mendTables(folder)).toEqual([]);
    expect(await readdir(folder)).not.toContain('CURRENT');
  });
});

describe('REPAIR-7 what the mending of tables must not make worse', () => {
  test('with a MANIFEST that is not sound throughout nothing is done, so that no table counts as gone', async () => {
    const folder = await someDatabase();
    const manifest = (await readFile(join(folder, 'CURRENT'), 'utf8')).trim();
    const bytes = await readFile(join(folder, manifest));
    await writeFile(join(folder, manifest), bytes.fill((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1));
    await spoil(folder, zeroed(2 * PAGE));
    const before = (await readdir(folder)).sort();
    expect(await mendTables(folder)).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  test('a table that the disk cannot read now is not taken for one that is gone', async () => {
    const folder = await someDatabase();
    const [path = ''] = await tablesIn(folder);
    await rm(path);
    await symlink(path, path);
    await expect(mendTables(folder)).rejects.toMatchObject({ code: 'storage_unreadable' });
    expect(await readdir(join(folder, '..'))).toEqual(['db']);
  });

  test('an older version of a row does not come before a newer one', async () => {
    const folder = join(await tempFolder(), 'db');
    // Each start makes a table of what the one before it has written.
    for (let session = 0; session <= 3; session += 1) {
      const engine = session === 0 ? await LevelStore.create(folder) : await LevelStore.open(folder);
      await engine.accept();
      const puts = session < 3 ? [{ key: Buffer.from('state'), value: Buffer.from(`${session}`) }] : [];
      expect(await new CheckedStore(engine).commit({ puts, deletes: [] })).toBe('committed');
      await engine.close();
    }
    const paths = (await tablesIn(folder)).sort();
    expect(paths.length).toBe(3);
    for (const path of paths) {
      const made = join(await tempFolder(), 'db');
      await cp(folder, made, { recursive: true });
      await writeFile(join(made, basename(path)), spoiltFilter(await readFile(path)));
      expect(await mendTables(made)).toEqual([]);
      const engine = await LevelStore.open(made);
      expect(String(new CheckedStore(engine).get(Buffer.from('state')))).toBe('2');
      await engine.close();
    }
  });

  test('what a process that died had begun to put back is put back first; without a database nothing is done', async () => {
    const all = await rowsIn(await someDatabase());
    const folder = await someDatabase();
    await rename(folder, `${folder}.kept`);
    expect(await mendTables(folder)).toEqual([]);
    expect(await rowsIn(folder)).toEqual(all);
    expect(await mendTables(join(await tempFolder(), 'none'))).toEqual([]);
  });

  test('a key that the table cannot have is left out', async () => {
    const folder = await someDatabase();
    await spoil(folder, (bytes) => {
      const first = bytes.indexOf('k0');
      return bytes.fill('a', first, first + 1);
    });
    expect(await mendTables(folder)).toHaveLength(1);
    expect([...(await rowsIn(folder)).keys()].filter((key) => !key.startsWith('k'))).toEqual([]);
  });
});

/** A table whose filter fails its check, and all else is right. */
function spoiltFilter(table: Buffer): Buffer {
  const last = blocksOf(table)?.at(-1);
  const at = (last?.offset ?? 0) + (last?.size ?? 0) + 5;
  return table.fill(table.readUInt8(at) ^ 1, at, at + 1);
}

describe('the files of LevelDB, written as it writes them', () => {
  test('blocks', () => {
    const rows = ['a', 'bb', 'ccc'].map((key) => ({
      key: Buffer.from(key),
      value: Buffer.from(key.repeat(70)),
    }));
    const { rows: found, isWhole } = readRows(blockOf(rows));
    expect(isWhole).toBe(true);
    expect(found.map(({ key, value }) => [String(key), Buffer.from(value).toString()])).toEqual(
      rows.map(({ key, value }) => [String(key), String(value)]),
    );
    expect(readRows(blockOf([]))).toEqual({ rows: [], isWhole: true });
  });

  test.each([
    0, 1, 32_760, 32_761, 32_762, 32_768, 100_000,
  ])('records: one of %i bytes between two others', (length) => {
    const records = [Buffer.alloc(20, 1), Buffer.alloc(length, 2), Buffer.alloc(20, 3)];
    const found: Buffer[] = [];
    let parts: Buffer[] = [];
    for (const { isSound, isLast, bytes } of logParts(logOfRecords(records))) {
      expect(isSound).toBe(true);
      parts.push(bytes);
      if (!isLast) continue;
      found.push(Buffer.concat(parts));
      parts = [];
    }
    expect(found).toEqual(records);
  });

  test('a table that ends within its footer has no blocks', async () => {
    const [path = ''] = await tablesIn(await someDatabase());
    const table = await readFile(path);
    expect(blocksOf(table)?.length).toBeGreaterThan(10);
    expect(blocksOf(table.subarray(0, -1))).toBeUndefined();
  });
});
