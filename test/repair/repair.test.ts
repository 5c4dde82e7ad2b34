import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { logAccess } from '../../src/client/access.ts';
import { LogCalls } from '../../src/client/log-calls.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { exportTiles } from '../../src/fsck/export-tiles.ts';
import { type FsckResult, fsckLog } from '../../src/fsck/fsck-log.ts';
import { headVerifier } from '../../src/fsck/head-verifier.ts';
import { folderSource } from '../../src/repair/folder-source.ts';
import { type RepairReport, repairLog } from '../../src/repair/repair-log.ts';
import { ServedTree } from '../../src/repair/served-tree.ts';
import type { TreeSource } from '../../src/repair/tree-source.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import {
  bundleKey,
  edgeKey,
  encodeIndex,
  keptKey,
  leafKey,
  retryKey,
  STATE_KEY,
  tileKey,
} from '../../src/store/rows.ts';
import { ADMIN_TOKEN, backupDesk } from '../support/backup-desk.ts';
import { fill, flipped, retryKeyNumber } from '../support/rotting-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const SIZE = 2_600;
/** With a full tile of level 1. */
const LARGE = 66_000;
/** Of the shared logs these are the last entries, in commits of 30 and 20; a head is kept 300 and 20 before the end. */
const KEPT = SIZE - 300;
const LAST_KEPT = SIZE - 20;

/** Places a repair may take bytes from. */
type SourceName = 'itself' | 'a mirror' | 'a backup' | 'a data directory' | 'exported tiles';

const shared = new Map<number, string>();
let copies = 0;

afterAll(async () => {
  for (const folder of shared.values()) await rm(folder, { recursive: true, force: true });
});

/** One log of each size with everything in it, made once: kept heads, retry keys, records in the open bundle. */
async function sharedLog(size: number): Promise<string> {
  const known = shared.get(size);
  if (known !== undefined) return known;
  const folder = await mkdtemp(join(tmpdir(), 'stele-'));
  shared.set(size, folder);
  const clock = { ...systemClock, ms: Date.UTC(2050, 0, 1), nowMs: (): number => clock.ms };
  const desk = await backupDesk({ clock });
  for (let at = 0; at < size - 300; at += 1_000)
    await fill(desk.log, at, Math.min(at + 1_000, size - 300), true);
  clock.ms += 61_000;
  await fill(desk.log, size - 300, size - 50, true);
  await fill(desk.log, size - 50, size - 20, true);
  clock.ms += 61_000;
  await fill(desk.log, size - 20, size);
  await desk.backUp({ folder: join(folder, 'backup') });
  await exportTiles(desk.log, join(folder, 'tiles'));
  await desk.log.close();
  await cp(desk.dir.dataPath, join(folder, 'data'), { recursive: true });
  await cp(desk.dir.guardPath, join(folder, 'guard'), { recursive: true });
  return folder;
}

/** A copy of the stopped log, to be spoilt. */
async function copy(size: number = SIZE): Promise<DataDirectory> {
  const folder = await sharedLog(size);
  copies += 1;
  const dir = { dataPath: join(folder, `copy-${copies}`), guardPath: join(folder, `copy-${copies}.guard`) };
  await cp(join(folder, 'data'), dir.dataPath, { recursive: true });
  await cp(join(folder, 'guard'), dir.guardPath, { recursive: true });
  onTestFinished(() => rm(dir.dataPath, { recursive: true }));
  return dir;
}

async function source(name: SourceName): Promise<TreeSource | undefined> {
  if (name === 'itself') return undefined;
  if (name === 'a mirror') {
    const { fetch } = await backupDesk({ dir: await copy() });
    return new ServedTree(
      new LogCalls(logAccess({ logUrl: 'http://log.example/logs/main', token: ADMIN_TOKEN, fetch })),
    );
  }
  const other = name === 'a data directory' ? (await copy()).dataPath : '';
  const place = await sharedLog(SIZE);
  const folder = {
    'a backup': join(place, 'backup'),
    'exported tiles': join(place, 'tiles'),
    'a data directory': other,
  };
  const opened = await folderSource(folder[name], 'main');
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened.source;
}

/** Changes rows of a stopped log as they are stored. */
async function spoil(
  dir: DataDirectory,
  rows: readonly (readonly [Uint8Array, (sealed: Uint8Array) => Uint8Array | undefined])[],
): Promise<void> {
  const engine = await LevelStore.open(join(dir.dataPath, 'logs/main/db'));
  await engine.accept();
  for (const [key, edit] of rows) {
    const spoilt = edit(new Uint8Array(engine.get(key) ?? []));
    const outcome = await engine.commit(
      spoilt === undefined ? { puts: [], deletes: [key] } : { puts: [{ key, value: spoilt }], deletes: [] },
    );
    if (outcome !== 'committed') throw new Error('the test could not write');
  }
  await engine.close();
}

const rot = (sealed: Uint8Array): Uint8Array => flipped(sealed, 3);
const gone = (): undefined => undefined;
/** Another value under a check that holds. */
const content = (key: Uint8Array, at: number) => (sealed: Uint8Array) =>
  sealValue(key, flipped(sealed.slice(0, -4), at));

async function contents(dir: DataDirectory): Promise<Map<string, string>> {
  const engine = await LevelStore.open(join(dir.dataPath, 'logs/main/db'));
  const rows = new Map<string, string>();
  for await (const [key, value] of engine.iterate({ start: Uint8Array.of(0), end: Uint8Array.of(255) }))
    rows.set(Buffer.from(key).toString('hex'), createHash('sha256').update(value).digest('hex'));
  await engine.close();
  return rows;
}

function repair(dir: DataDirectory, source?: TreeSource, dropLost = false): Promise<RepairReport> {
  return repairLog({ dir, name: 'main', source, dropLost, nowMs: Date.UTC(2051, 0, 1) });
}

async function fsck(dir: DataDirectory): Promise<FsckResult> {
  await using log = await inspectLog(dir, 'main');
  return await fsckLog(log, { hasher: nodeHasher, verifyHead: headVerifier(log) });
}

const leafRow = (i: number): Uint8Array => leafKey(nodeHasher.leafHash(Buffer.from(`entry ${i}`)));
const OPEN_START = Math.floor(SIZE / 256) * 256;

const rows: [
  name: string,
  source: SourceName,
  key: Uint8Array,
  edit: (sealed: Uint8Array) => Uint8Array | undefined,
][] = [
  ['a leaf tile', 'itself', tileKey(0, 5), rot],
  ['a leaf tile with another leaf', 'itself', tileKey(0, 5), content(tileKey(0, 5), 40)],
  ['a leaf tile with another inner hash', 'itself', tileKey(0, 5), content(tileKey(0, 5), 8_192 + 40)],
  ['the last leaf tile, which the edge is made of', 'itself', tileKey(0, 9), gone],
  ['the state', 'itself', STATE_KEY, gone],
  ['the root in the state', 'itself', STATE_KEY, content(STATE_KEY, 20)],
  ['a row of the leaf-hash index', 'itself', leafRow(9), gone],
  [
    'a row of the leaf-hash index that names another',
    'itself',
    leafRow(9),
    () => sealValue(leafRow(9), encodeIndex(leafIndex(10))),
  ],
  ['a bundle', 'a mirror', bundleKey(7), rot],
  ['a bundle with another entry', 'a backup', bundleKey(7), content(bundleKey(7), 4)],
  ['a bundle that is gone', 'exported tiles', bundleKey(9), gone],
  ['a bundle of the open', 'a data directory', bundleKey(0), rot],
  ['the record of the last commit', 'a mirror', edgeKey(SIZE - 20), rot],
  ['the record of the last commit, gone', 'a backup', edgeKey(SIZE - 20), gone],
  ['the first record of the open bundle', 'exported tiles', edgeKey(OPEN_START), rot],
  ['a kept head', 'a mirror', keptKey(KEPT), rot],
  ['a kept head that is gone', 'a backup', keptKey(KEPT), gone],
  ['the newest kept head, gone', 'a mirror', keptKey(LAST_KEPT), gone],
  ['a retry key', 'a backup', retryKey(retryKeyNumber(1_000)), rot],
  ['a retry key that is gone', 'a data directory', retryKey(retryKeyNumber(1_000)), gone],
];

describe('REPAIR-1 what is damaged is restored, and everything is right after it', () => {
  test.each(rows)(
    '%s, from %s',
    async (_, name, key, edit) => {
      const dir = await copy();
      const before = await contents(dir);
      await spoil(dir, [[key, edit]]);
      expect(await contents(dir)).not.toEqual(before);
      await writeFile(
        join(dir.dataPath, 'logs/main/damage.json'),
        '{"schema":1,"findings":[{"message":"x"}],"more":0}',
      );
      const report = await repair(dir, await source(name));
      expect(report).toMatchObject({
        log: 'main',
        treeSize: SIZE,
        clean: true,
        lost: { count: 0 },
        dropped: { count: 0 },
      });
      expect(report.repaired.count).toBe(1);
      const after = await contents(dir);
      // One record of the open bundle may stand for those of several commits; the state has the time of its commit.
      const isRecord = (hex: string): boolean => /^(?:65|73)/.test(hex);
      const same = (all: Map<string, string>) => [...all].filter(([hex]) => !isRecord(hex));
      expect(same(after)).toEqual(same(before));
      expect((await fsck(dir)).difference).toBeUndefined();
      expect(await progressFile(join(dir.dataPath, 'logs/main')).read()).toMatchObject({
        lastPass: { finishedAtMs: Date.UTC(2051, 0, 1), treeSize: SIZE, entriesChecked: SIZE, findings: 0 },
      });
      expect(
        (await readdir(join(dir.dataPath, 'logs/main'))).filter((file) => file.startsWith('damage')),
      ).toEqual([`damage.repaired-${Date.UTC(2051, 0, 1)}.json`]);
    },
    60_000,
  );

  test('and the log goes on', async () => {
    const dir = await copy();
    await spoil(dir, [
      [bundleKey(9), rot],
      [tileKey(0, 9), rot],
      [edgeKey(OPEN_START), rot],
      [STATE_KEY, rot],
    ]);
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
      message:
        'log main: state row 73 fails its check; keep a copy of data and guard, then run stele repair --from a backup or a mirror',
    });
    expect(await repair(dir, await source('a mirror'))).toMatchObject({
      clean: true,
      repaired: { count: 4 },
    });
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect((await log.append({ entries: [Buffer.from('more')] })).indexes).toEqual([SIZE]);
  }, 60_000);

  test.each<[string, (sealed: Uint8Array) => Uint8Array | undefined]>([
    ['gone', gone],
    ['with another hash', content(tileKey(1, 0), 40)],
  ])(
    'an upper tile %s, from what lies below it',
    async (_, edit) => {
      const dir = await copy(LARGE);
      await spoil(dir, [[tileKey(1, 0), edit]]);
      expect(await repair(dir)).toMatchObject({ clean: true, repaired: { count: 1, names: ['tile 1/0'] } });
      expect((await fsck(dir)).difference).toBeUndefined();
    },
    60_000,
  );

  test('a tile in the place of another, each right in itself', async () => {
    const dir = await copy();
    const before = await contents(dir);
    let other: Uint8Array = new Uint8Array(0);
    await spoil(dir, [
      [
        tileKey(0, 6),
        (sealed) => {
          other = unsealValue(tileKey(0, 6), sealed);
          return sealed;
        },
      ],
      [tileKey(0, 5), () => sealValue(tileKey(0, 5), other)],
    ]);
    expect(await contents(dir)).not.toEqual(before);
    expect(await repair(dir)).toMatchObject({ clean: true, repaired: { names: ['tile 0/5'] } });
    expect(await contents(dir)).toEqual(before);
  });

  test('a log that is right stays as it is', async () => {
    const dir = await copy();
    const before = await contents(dir);
    const none = { count: 0, names: [] };
    const expected = { clean: true, leftOut: none, repaired: none, removed: none, lost: none, dropped: none };
    expect(await repair(dir, await source('a backup'))).toMatchObject(expected);
    expect(await repair(dir)).toMatchObject(expected);
    expect(await contents(dir)).toEqual(before);
  }, 60_000);
});

describe('REPAIR-2, STORE-12 a kept head that is gone and that no source has', () => {
  test.each([
    ['before another', KEPT],
    ['the newest', LAST_KEPT],
  ])(
    '%s, is named as lost; dropped, it is missed no more',
    async (_, size) => {
      const dir = await copy();
      await spoil(dir, [[keptKey(size), gone]]);
      const lost = { count: 1, names: [`head ${size}`] };
      expect(await repair(dir)).toMatchObject({ clean: false, repaired: { count: 0 }, lost });
      // The links stay as they are until then: it is lost the second time as well.
      expect(await repair(dir)).toMatchObject({ clean: false, repaired: { count: 0 }, lost });
      expect(await repair(dir, undefined, true)).toMatchObject({
        clean: true,
        lost: { count: 0 },
        dropped: lost,
      });
      await using log = await openLog({ dir, clock: systemClock }, 'main');
      const others = [0, KEPT, LAST_KEPT, SIZE].filter((one) => one !== size);
      expect((await log.keptHeads(treeSize(0), 9)).map((head) => head.size)).toEqual(others);
    },
    60_000,
  );
});

describe('REPAIR-2 nothing is written that the signed tree does not prove', () => {
  const lying = (honest: TreeSource): TreeSource => ({
    tile: async (tile) => flippedOrNothing(await honest.tile(tile)),
    bundle: async (bundle) => flippedOrNothing(await honest.bundle(bundle)),
    heads: async function* () {
      for await (const head of honest.heads?.() ?? [])
        yield { ...head, note: head.note.replace('log.example', 'log.Example') };
    },
    retries: async function* () {
      for await (const retry of honest.retries?.() ?? [])
        yield { ...retry, contentHash: flipped(retry.contentHash, 0) };
    },
  });
  const flippedOrNothing = (bytes: Uint8Array | undefined) => bytes && flipped(bytes, 9);

  test('a source that lies repairs nothing; what is lost is recorded, and the log does not sign', async () => {
    const dir = await copy();
    await spoil(dir, [
      [bundleKey(7), rot],
      [keptKey(KEPT), rot],
      [retryKey(retryKeyNumber(1_000)), rot],
    ]);
    const honest = (await source('a backup')) as TreeSource;
    const report = await repair(dir, lying(honest));
    expect(report).toMatchObject({ clean: false, repaired: { count: 0 }, lost: { count: 3 } });
    expect(report.lost.names).toEqual(['bundle 7', `head ${KEPT}`, expect.stringMatching(/^retry row/)]);
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
    });

    // The bundle comes from a mirror; heads and retry keys that nobody has may be given up, and only when asked.
    const mirror = (await source('exported tiles')) as TreeSource;
    expect(await repair(dir, mirror)).toMatchObject({
      clean: false,
      repaired: { count: 1 },
      lost: { count: 2 },
    });
    const log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.findings.map(({ part, foundBy }) => [part, foundBy])).toEqual([
      ['head', 'repair'],
      ['retry', 'repair'],
    ]);
    await expect(log.append({ entries: [Buffer.from('x')] })).rejects.toMatchObject({ code: 'log_damaged' });
    await log.close();
    expect(await repair(dir, mirror, true)).toMatchObject({
      clean: true,
      lost: { count: 0 },
      dropped: { count: 2 },
    });
    await using again = await openLog({ dir, clock: systemClock }, 'main');
    await again.append({ entries: [Buffer.from('x')] });
  }, 60_000);

  test.each<[string, (dir: DataDirectory) => Promise<void>]>([
    ['a lying source', async (dir) => spoil(dir, [[edgeKey(SIZE - 20), rot]])],
    [
      'an empty database',
      async (dir) => {
        await rm(join(dir.dataPath, 'logs/main/db'), { recursive: true });
        await (await LevelStore.create(join(dir.dataPath, 'logs/main/db'))).close();
      },
    ],
  ])(
    'where nothing leads to the signed root, nothing is changed: %s',
    async (_, damage) => {
      const dir = await copy();
      await damage(dir);
      const before = await contents(dir);
      await expect(repair(dir, lying((await source('a backup')) as TreeSource))).rejects.toMatchObject({
        code: 'data_damaged',
      });
      await expect(repair(dir)).rejects.toMatchObject({
        code: 'data_damaged',
        message: expect.stringContaining('--from'),
      });
      expect(await contents(dir)).toEqual(before);
      expect((await readdir(join(dir.dataPath, 'logs/main'))).sort()).toEqual(['db', 'key', 'log.json']);
    },
    60_000,
  );

  test('an empty database is filled from a source, retry keys and all', async () => {
    const dir = await copy();
    const before = await contents(dir);
    await rm(join(dir.dataPath, 'logs/main/db'), { recursive: true });
    await (await LevelStore.create(join(dir.dataPath, 'logs/main/db'))).close();
    expect(await repair(dir, await source('a backup'))).toMatchObject({ clean: true, lost: { count: 0 } });
    const after = await contents(dir);
    const facts = (all: Map<string, string>) => [...all].filter(([hex]) => !/^(?:65|73)/.test(hex));
    expect(facts(after)).toEqual(facts(before));
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head.size).toBe(SIZE);
  }, 60_000);
});

describe('REPAIR-3 the size of the guard is what counts', () => {
  test('a restored copy behind the guard gets the newer entries from a mirror, and starts', async () => {
    const desk = await backupDesk();
    await fill(desk.log, 0, 1_000, true);
    await desk.backUp();
    await fill(desk.log, 1_000, 1_700, true);
    const { dir } = await desk.restore({ keys: await desk.keys() });
    const access = logAccess({
      logUrl: 'http://log.example/logs/main',
      token: ADMIN_TOKEN,
      fetch: desk.fetch,
    });
    const report = await repair(dir, new ServedTree(new LogCalls(access)));
    expect(report).toMatchObject({ treeSize: 1_700, clean: true });
    const { head } = desk.log;
    await desk.log.close();
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head).toEqual(head);
  });

  test('entries that were never signed are taken away', async () => {
    const desk = await backupDesk();
    await fill(desk.log, 0, 300, true);
    const old = `${desk.dir.guardPath}.old`;
    await desk.log.close();
    await cp(desk.dir.guardPath, old, { recursive: true });
    const grown = await openLog({ dir: desk.dir, clock: systemClock }, 'main');
    await fill(grown as never, 300, 700, true);
    await grown.close();
    const dir = { dataPath: desk.dir.dataPath, guardPath: old };
    await spoil(dir, [[STATE_KEY, rot]]);
    const report = await repair(dir);
    expect(report.removed.names.slice(0, 2)).toEqual(['bundle 1', 'tile 0/1']);
    expect([...(await contents(dir)).keys()].filter((hex) => /^(?:62|68|74)/.test(hex))).toHaveLength(302);
    expect(report).toMatchObject({
      treeSize: 300,
      clean: false,
      lost: { names: [expect.stringMatching(/^retry/)] },
    });
    // The retry key of what is gone has to go, too; otherwise a retry would be answered with indexes that are not there.
    expect(await repair(dir, undefined, true)).toMatchObject({ clean: true, dropped: { count: 1 } });
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head.size).toBe(300);
    expect((await log.append({ entries: [Buffer.from('x')] })).indexes).toEqual([300]);
  });
});

describe('REPAIR-7 tables that LevelDB cannot read', () => {
  const tables = async (dir: DataDirectory): Promise<string[]> => {
    const db = join(dir.dataPath, 'logs/main/db');
    const paths = (await readdir(db)).filter((name) => name.endsWith('.ldb')).map((name) => join(db, name));
    // Some hold but the mark of a stop.
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
    return paths.filter((_, i) => (sizes[i] ?? 0) > 8_192);
  };
  /** More than a tile takes, which lies in a block of its own. */
  const zeroed = async (path: string): Promise<void> => {
    const bytes = await readFile(path);
    const middle = Math.floor(bytes.length / 2);
    await writeFile(path, bytes.fill(0, middle, middle + 16_384));
  };

  test.each<[string, (path: string) => Promise<void>]>([
    ['with pages of zeros', zeroed],
    ['that are cut', (path) => truncate(path, 4_096)],
    ['that are gone', (path) => rm(path)],
  ])(
    '%s: all is restored from a backup, and where something lay is named',
    async (_, damage) => {
      const dir = await copy();
      // Into tables, of which a stopped log may have none.
      await (await openLog({ dir, clock: systemClock }, 'main')).close();
      const before = await contents(dir);
      for (const path of await tables(dir)) await damage(path);
      await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
        code: 'data_damaged',
        message: expect.stringMatching(/^log main: .*; keep a copy of data and guard, then run stele repair/),
      });
      const report = await repair(dir, await source('a backup'));
      expect(report).toMatchObject({ clean: true, lost: { count: 0 } });
      expect(report.leftOut.count).toBeGreaterThan(0);
      expect(report.repaired.count).toBeGreaterThan(0);
      const same = (all: Map<string, string>) => [...all].filter(([hex]) => !/^(?:65|73|6f)/.test(hex));
      expect(same(await contents(dir))).toEqual(same(before));
      expect((await fsck(dir)).difference).toBeUndefined();
    },
    60_000,
  );

  test('where nothing leads to the signed root the files are as they were', async () => {
    const dir = await copy();
    await (await openLog({ dir, clock: systemClock }, 'main')).close();
    const names = await tables(dir);
    for (const path of names) await truncate(path, 4_096);
    await expect(repair(dir)).rejects.toMatchObject({ code: 'data_damaged' });
    for (const path of names) expect((await stat(path)).size).toBe(4_096);
    expect(await repair(dir, await source('a mirror'))).toMatchObject({ leftOut: { count: names.length } });
  }, 60_000);
});

describe('REPAIR-4 what is refused', () => {
  test('a running server, a missing guard, a source that is none', async () => {
    const desk = await backupDesk();
    await expect(repair(desk.dir)).rejects.toMatchObject({ code: 'data_locked' });
    await desk.log.close();
    await expect(repair({ ...desk.dir, guardPath: `${desk.dir.guardPath}.none` })).rejects.toMatchObject({
      code: 'guard_missing',
    });
    const empty = join(await tempFolder(), 'empty');
    await mkdir(empty);
    await expect(folderSource(empty, 'main')).rejects.toMatchObject({ code: 'no_data' });
  });
});
