import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { keptKey, retryKey, tileKey } from '../../src/store/rows.ts';
import { ADMIN_TOKEN, type BackupDesk, backupDesk, PLAIN_TOKEN } from '../support/backup-desk.ts';
import { fill, flipped, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';

/** A clock that the test moves, so that heads are kept. */
function movingClock() {
  const clock = { ...systemClock, ms: Date.UTC(2050, 0, 1), nowMs: (): number => clock.ms };
  return clock;
}

/** 1,000 entries under retry keys, in commits of 100, a minute apart. */
async function filled(): Promise<BackupDesk & { clock: ReturnType<typeof movingClock> }> {
  const clock = movingClock();
  const desk = await backupDesk({ clock, config: 'reserveBytes: 0\n' });
  for (let at = 0; at < 1_000; at += 100) {
    clock.ms += 61_000;
    await fill(desk.log, at, at + 100, true);
  }
  return { ...desk, clock };
}

async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1))
    .sort();
}

const copyOf = ({ folder }: BackupDesk): string => join(folder, 'logs/main');

describe('BACKUP-1 a backup', () => {
  test('holds the tree of one signed head as tiles, and beside it kept heads and retry keys; no key, no token', async () => {
    const desk = await filled();
    const result = await desk.backUp();
    expect(result).toEqual({
      log: 'main',
      treeSize: 1_000,
      files: 9,
      heads: 10,
      retries: 10,
      config: 'reserveBytes: 0\n',
    });
    expect(await filesBelow(copyOf(desk))).toEqual(
      [
        'backup.json',
        'checkpoint',
        'heads/0-1000.ndjson',
        'log.json',
        'retries/0-1000-0.ndjson',
        ...['000', '001', '002', '003.p/232'].map((n) => `tile/0/${n}`),
        'tile/1/000.p/3',
        ...['000', '001', '002', '003.p/232'].map((n) => `tile/entries/${n}`),
      ].sort(),
    );
    expect(await readFile(join(copyOf(desk), 'checkpoint'), 'utf8')).toBe(desk.log.head.note);
    const all = await Promise.all(
      (await filesBelow(desk.folder)).map((name) => readFile(join(desk.folder, name), 'utf8')),
    );
    const key = await readFile(join(desk.dir.dataPath, 'logs/main/key'), 'utf8');
    expect(all.filter((text) => text.includes(key.trim().split('+').slice(4).join('+')))).toEqual([]);
  });

  test.each([0, 1, 255, 256, 257, 512])('of %i entries', async (size) => {
    const desk = await backupDesk();
    await fill(desk.log, 0, size);
    expect(await desk.backUp()).toMatchObject({ treeSize: size });
    const { dir, logs } = await desk.restore({ keys: await desk.keys() });
    expect(logs).toEqual([{ log: 'main', treeSize: size, hasKey: true, guard: 'agrees', guardSize: size }]);
    await desk.log.close();
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head).toEqual(desk.log.head);
  });
});

describe('BACKUP-2 a second run', () => {
  test('copies only what is new, and leaves no partial tile of before', async () => {
    const desk = await filled();
    await desk.backUp();
    expect(await desk.backUp()).toMatchObject({ treeSize: 1_000, files: 3, heads: 0, retries: 0 });
    desk.clock.ms += 61_000;
    await fill(desk.log, 1_000, 1_300, true);
    const asked: string[] = [];
    const result = await desk.backUp({
      fetch: (url, init) => {
        asked.push(new URL(url).pathname);
        return desk.fetch(url, init);
      },
    });
    expect(result).toMatchObject({ treeSize: 1_300, files: 7, heads: 1, retries: 1 });
    expect(asked.filter((path) => /entries\/00[0-2]$/.test(path))).toEqual([]);
    const names = await filesBelow(copyOf(desk));
    expect(names.filter((name) => name.includes('.p/'))).toEqual([
      'tile/0/005.p/20',
      'tile/1/000.p/5',
      'tile/entries/005.p/20',
    ]);
    expect(names).toContain('heads/1000-1300.ndjson');
    const { dir, logs } = await desk.restore();
    expect(logs).toMatchObject([{ treeSize: 1_300, hasKey: false, guard: 'agrees' }]);
    expect((await readdir(join(dir.dataPath, 'logs/main'))).sort()).toEqual(['db', 'log.json']);
  });

  test('a run that was cut short leaves the backup of before, and the next one is whole', async () => {
    const desk = await filled();
    await desk.backUp();
    await fill(desk.log, 1_000, 1_300, true);
    const failing = desk.backUp({
      fetch: async (url, init) => {
        if (url.includes('tile/0/004')) throw new Error('a broken cable');
        return desk.fetch(url, init);
      },
    });
    await expect(failing).rejects.toMatchObject({ code: 'unreachable' });
    expect((await desk.restore()).logs).toMatchObject([
      { treeSize: 1_000, guard: 'ahead', guardSize: 1_300 },
    ]);
    expect(await desk.backUp()).toMatchObject({ treeSize: 1_300 });
    expect((await desk.restore()).logs).toMatchObject([{ treeSize: 1_300, guard: 'agrees' }]);
  });

  test('of a log that grows meanwhile is of one head', async () => {
    const desk = await filled();
    let size = 1_000;
    const result = await desk.backUp({
      fetch: async (url, init) => {
        const from = size;
        size += 7;
        await fill(desk.log, from, from + 7, true);
        return desk.fetch(url, init);
      },
    });
    expect(result.treeSize).toBe(1_007);
    expect((await desk.restore()).logs).toMatchObject([{ treeSize: 1_007, guard: 'ahead', guardSize: size }]);
  });
});

describe('BACKUP-3 everything is re-hashed before a run is done', () => {
  test.each([
    ['a bundle of before', 'tile/entries/001', 'storage_corrupt', 'entry 256'],
    ['a tile of before', 'tile/0/001', 'storage_corrupt', 'entry 256'],
    ['a file of kept heads', 'heads/0-1000.ndjson', 'malformed_answer', 'heads/0-1000.ndjson'],
    ['a file of retry keys', 'retries/0-1000-0.ndjson', 'malformed_answer', 'retries/0-1000-0.ndjson'],
  ])('%s that rotted is found', async (_, name, code, message) => {
    const desk = await filled();
    await desk.backUp();
    const path = join(copyOf(desk), name);
    await writeFile(path, flipped(await readFile(path), 5));
    const before = await readFile(join(copyOf(desk), 'backup.json'), 'utf8');
    await fill(desk.log, 1_000, 1_001);
    await expect(desk.backUp()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await readFile(join(copyOf(desk), 'backup.json'), 'utf8')).toBe(before);
  });

  test.each([
    'tile/entries/001',
    'tile/0/001',
    'tile/entries/003.p/232',
  ])('%s that a server spoils', async (path) => {
    const desk = await filled();
    const spoiling = desk.backUp({
      fetch: async (url, init) => {
        const answer = await desk.fetch(url, init);
        if (!url.endsWith(path)) return answer;
        return new Response(new Uint8Array(flipped(new Uint8Array(await answer.arrayBuffer()), 9)));
      },
    });
    await expect(spoiling).rejects.toMatchObject({ code: 'storage_corrupt' });
    await expect(desk.restore()).rejects.toMatchObject({ code: 'no_data' });
  });

  test('a retry key that names other entries', async () => {
    const desk = await filled();
    await desk.change(retryKey(retryKeyNumber(300)), (value) => flipped(value, 20));
    await expect(desk.backUp()).rejects.toMatchObject({
      code: 'storage_corrupt',
      message: expect.stringContaining('retry key'),
    });
  });

  test('a damaged retry key is a finding of the log, and no backup without it is made', async () => {
    const desk = await filled();
    await desk.rot(retryKey(retryKeyNumber(300)));
    await expect(desk.backUp()).rejects.toMatchObject({ code: 'unreachable' });
    expect(desk.log.findings).toMatchObject([{ part: 'retry' }]);
  });
});

describe('BACKUP-4 what is refused', () => {
  test('a server that went back, with both sizes; and another log', async () => {
    const desk = await filled();
    await desk.log.close();
    const old = { dataPath: `${desk.dir.dataPath}.old`, guardPath: `${desk.dir.guardPath}.old` };
    await cp(desk.dir.dataPath, old.dataPath, { recursive: true });
    await cp(desk.dir.guardPath, old.guardPath, { recursive: true });
    const grown = await backupDesk({ dir: desk.dir });
    await fill(grown.log, 1_000, 1_200);
    await grown.backUp();
    const behind = await backupDesk({ dir: old });
    await expect(behind.backUp({ folder: grown.folder })).rejects.toMatchObject({
      code: 'rollback',
      details: { backupSize: 1_200, treeSize: 1_000 },
    });
    await behind.log.append({ entries: [Buffer.from('another history')] });
    await fill(behind.log, 1_001, 1_300);
    await expect(behind.backUp({ folder: grown.folder })).rejects.toMatchObject({ code: 'storage_corrupt' });
    const other = await backupDesk();
    await expect(other.backUp({ folder: grown.folder })).rejects.toMatchObject({ code: 'wrong_origin' });
  });

  test('a fork of the same size', async () => {
    const desk = await backupDesk();
    await desk.log.close();
    const fork = { dataPath: `${desk.dir.dataPath}.fork`, guardPath: `${desk.dir.guardPath}.fork` };
    await cp(desk.dir.dataPath, fork.dataPath, { recursive: true });
    await cp(desk.dir.guardPath, fork.guardPath, { recursive: true });
    const [one, two] = [await backupDesk({ dir: desk.dir }), await backupDesk({ dir: fork })];
    await one.log.append({ entries: [Buffer.from('one way')] });
    await two.log.append({ entries: [Buffer.from('the other')] });
    await one.backUp();
    await expect(two.backUp({ folder: one.folder })).rejects.toMatchObject({ code: 'fork' });
    await fill(two.log, 1, 300);
    await expect(two.backUp({ folder: one.folder })).rejects.toMatchObject({
      code: 'storage_corrupt',
      message: expect.stringContaining('head of size 1 has another root'),
    });
  });

  test.each([
    ['', 401],
    [PLAIN_TOKEN, 403],
    [ADMIN_TOKEN, 200],
  ])('HTTP-28 token %j', async (token, status) => {
    const desk = await backupDesk();
    for (const path of ['backup', 'backup/retries?from=0&to=0']) {
      const answer = await desk.fetch(`http://log.example/logs/main/${path}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(status);
    }
  });

  test.each([
    ['from=0', 'invalid_parameter'],
    ['from=0&to=1&after=00', 'malformed_hex'],
    ['from=x&to=1', 'malformed_number'],
    ['from=0&to=1&limit=1', 'invalid_parameter'],
  ])('HTTP-28 backup/retries?%s is %s', async (query, code) => {
    const desk = await backupDesk();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await desk.fetch(`http://log.example/logs/main/backup/retries?${query}`, { headers });
    expect([answer.status, (await answer.json()).code]).toEqual([400, code]);
  });

  test('HTTP-28 retry keys come in pages by key', async () => {
    const desk = await backupDesk();
    for (let i = 0; i < 4_100; i += 50)
      await Promise.all(Array.from({ length: 50 }, (_, j) => fill(desk.log, i + j, i + j + 1, true)));
    expect(await desk.backUp()).toMatchObject({ retries: 4_100 });
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const first = await (
      await desk.fetch('http://log.example/logs/main/backup/retries?from=0&to=4100', { headers })
    ).json();
    expect([first.retries.length, first.nextCursor]).toEqual([4_096, first.retries.at(-1).key]);
    const part = await (
      await desk.fetch('http://log.example/logs/main/backup/retries?from=100&to=110', { headers })
    ).json();
    expect(part.retries.map(({ firstIndex }: { firstIndex: number }) => firstIndex).sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => 100 + i),
    );
  });
});

describe('RESTORE-1 a restored directory', () => {
  test('holds all that the log had: it goes on, and knows its retries and heads', async () => {
    const desk = await filled();
    await desk.backUp();
    const { dir } = await desk.restore({ keys: await desk.keys() });
    await writeFile(join(dir.dataPath, 'probe'), '');
    expect(await readFile(join(dir.dataPath, 'stele.json'), 'utf8')).toBe('{"schema":1}\n');
    const kept = desk.raw(keptKey(100));
    await desk.log.close();
    const again = await rottingLog({ dir });
    expect(again.log.head).toEqual(desk.log.head);
    expect(again.raw(keptKey(100))).toEqual(kept);
    expect(again.raw(tileKey(0, 2))?.length).toBe(256 * 32 + 36 * 32 + 4);
    await fill(again.log, 300, 400, true);
    expect(again.log.head.size).toBe(1_000);
    await fill(again.log, 1_000, 1_100, true);
    expect(again.log.head.size).toBe(1_100);
  });

  test('RESTORE-2 behind the guard is not started, and both sizes are named', async () => {
    const desk = await filled();
    await desk.backUp();
    await fill(desk.log, 1_000, 1_300);
    const { dir, logs } = await desk.restore({ keys: await desk.keys() });
    expect(logs).toMatchObject([{ treeSize: 1_000, guard: 'ahead', guardSize: 1_300 }]);
    await desk.log.close();
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'guard_ahead',
      details: { dataSize: 1_000, guardSize: 1_300 },
    });
  });

  test('RESTORE-2 without a guard, or with one of another history', async () => {
    const desk = await filled();
    await desk.backUp();
    const { logs, dir } = await desk.restore({
      guardPath: join(desk.folder, '../none'),
      keys: await desk.keys(),
    });
    expect(logs).toMatchObject([{ guard: 'missing' }]);
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'guard_missing',
    });
    const other = await backupDesk();
    await fill(other.log, 0, 3);
    expect((await desk.restore({ guardPath: other.dir.guardPath })).logs).toMatchObject([
      { guard: 'conflict', guardSize: 3 },
    ]);
  });

  test.each([
    ['no backup', async ({ folder }: BackupDesk) => rm(join(folder, 'stele-backup.json')), 'no_data'],
    [
      'another version',
      async ({ folder }: BackupDesk) => writeFile(join(folder, 'stele-backup.json'), '{"schema":2}'),
      'schema_unsupported',
    ],
    [
      'a bundle that is gone',
      async (desk: BackupDesk) => rm(join(copyOf(desk), 'tile/entries/001')),
      'data_damaged',
    ],
    [
      'a tile that rotted',
      async (desk: BackupDesk) => writeFile(join(copyOf(desk), 'tile/0/001'), Buffer.alloc(8_192)),
      'data_damaged',
    ],
    [
      'a note of another size',
      async (desk: BackupDesk) => {
        const path = join(copyOf(desk), 'backup.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('\\n1000\\n', '\\n900\\n'));
      },
      'bad_signature',
    ],
    [
      'lines that were cut',
      async (desk: BackupDesk) => {
        const path = join(copyOf(desk), 'retries/0-1000-0.ndjson');
        await writeFile(path, (await readFile(path, 'utf8')).split('\n').slice(1).join('\n'));
      },
      'malformed_answer',
    ],
  ])('RESTORE-3 %s is refused', async (_, spoil, code) => {
    const desk = await filled();
    await desk.backUp();
    await spoil(desk);
    await expect(desk.restore()).rejects.toMatchObject({ code });
  });

  test('RESTORE-3 nothing is restored over anything, and no key of another log', async () => {
    const desk = await filled();
    await desk.backUp();
    const keys = await desk.keys();
    const other = await backupDesk();
    await cp(join(other.dir.dataPath, 'logs/main/key'), join(keys, 'main.key'));
    await expect(desk.restore({ keys })).rejects.toMatchObject({ code: 'key_mismatch' });
    await expect(desk.restore({ keys: join(keys, 'none') })).rejects.toMatchObject({ code: 'key_missing' });
    await mkdir(join(desk.folder, '../restored-3'), { recursive: true });
    await writeFile(join(desk.folder, '../restored-3/a'), '');
    await expect(desk.restore()).rejects.toMatchObject({ code: 'data_exists' });
  });
});
