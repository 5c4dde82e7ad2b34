import { renameSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createDataDirectory, createLog, type NewLog } from '../../src/sequencer/create-log.ts';
import {
  checkDataDirectory,
  type DataDirectory,
  dataDirectoryExists,
  listLogs,
  logPaths,
} from '../../src/sequencer/data-directory.ts';
import { LogSet } from '../../src/sequencer/log-set.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { removeUnfinished, unfinishedPaths } from '../../src/sequencer/unfinished-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { newDataDirectory } from '../support/test-log.ts';

const OTHER: NewLog = { name: 'other', kind: 'entries', origin: 'log.example/other' };
const deps = (dir: DataDirectory) => ({ dir, clock: systemClock, random: systemRandom });

/** A log that is there by its manifest alone. */
async function manifestOf(dir: DataDirectory, name: string): Promise<void> {
  const main = JSON.parse(await readFile(logPaths(dir, 'main').manifest, 'utf8'));
  const origin = `log.example/${name}`;
  await mkdir(logPaths(dir, name).root);
  await writeFile(
    logPaths(dir, name).manifest,
    JSON.stringify({ ...main, name, origin, vkey: generateSigningKey(systemRandom, origin).vkey }),
  );
}

const namesOf = async (dir: DataDirectory): Promise<string[]> =>
  (await listLogs(dir)).map(({ name }) => name);

describe('STORE-1 a data directory is made once', () => {
  test.each(['dataPath', 'guardPath'] as const)('not where %s holds anything', async (which) => {
    const folder = await tempFolder();
    const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
    await mkdir(dir[which]);
    // An empty folder is as good as none.
    expect(await dataDirectoryExists(dir)).toEqual({ data: false, guard: false });
    await writeFile(join(dir[which], 'something'), '');
    await expect(createDataDirectory(dir)).rejects.toMatchObject({
      code: 'data_exists',
      message: expect.stringContaining(`${dir[which]} is not empty`),
    });
    expect(await readdir(folder)).toEqual([basename(dir[which])]);
  });

  test.each<[string, string, (path: string) => Promise<void>]>([
    ['a file stands', 'cannot be looked at', (path) => writeFile(path, '')],
    ['a link leads nowhere', 'cannot be made', (path) => symlink('nowhere/at/all', path)],
  ])('not where %s in the place of a folder', async (_, words, put) => {
    for (const which of ['dataPath', 'guardPath'] as const) {
      const folder = await tempFolder();
      const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
      await put(dir[which]);
      const message = expect.stringMatching(`^${dir[which]}.* ${words}`);
      await expect(createDataDirectory(dir)).rejects.toMatchObject({ code: 'invalid_config', message });
    }
  });
});

describe('CLI-13 a directory that an init which was cut short has left', () => {
  const NONE = /never made over an old one$/;
  const AGAIN = /No log is in it: .* remove .*data and .*data\.guard, and run it again$/;
  test.each<[string, (dir: DataDirectory) => Promise<unknown>, RegExp]>([
    ['before its logs', async () => undefined, AGAIN],
    ['while it made main', (dir) => mkdir(unfinishedPaths(dir, 'main').root), AGAIN],
    [
      'after a log',
      (dir) => createLog(deps(dir), OTHER),
      /It has other: .* stele logs create and stele token create$/,
    ],
    ['with a guard', (dir) => mkdir(logPaths(dir, 'main').guard), NONE],
    ['with what may be a log', (dir) => mkdir(logPaths(dir, 'main').root), NONE],
    ['without its logs', (dir) => rm(join(dir.dataPath, 'logs'), { recursive: true }), NONE],
    ['with another stele.json', (dir) => writeFile(join(dir.dataPath, 'stele.json'), '{}'), NONE],
  ])('%s: what to do is said, and nothing is removed that may be a log', async (_, leave, words) => {
    const folder = await tempFolder();
    const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
    await createDataDirectory(dir);
    await leave(dir);
    const again = expect(createDataDirectory(dir));
    await again.rejects.toMatchObject({ code: 'data_exists', message: expect.stringMatching(words) });
  });
});

describe('STORE-1 a log is made once, and only as one that can be', () => {
  test.each<[string, Partial<NewLog>, string]>([
    ['a name in capitals', { name: 'Other' }, 'invalid_parameter'],
    ['a name of 64 letters', { name: 'o'.repeat(64) }, 'invalid_parameter'],
    ['a name that leads out', { name: '../other' }, 'invalid_parameter'],
    ['the name of a log that is there', { name: 'main' }, 'data_exists'],
    ['an empty origin', { origin: '' }, 'invalid_parameter'],
    ['public labels of entries', { publicLabels: ['kind'] }, 'invalid_parameter'],
    ['events that are told by content', { kind: 'events', duplicates: 'content' }, 'invalid_parameter'],
    ['events that are told by nothing', { kind: 'events', duplicates: 'off' }, 'invalid_parameter'],
    ['an origin of 256 bytes in 128 letters', { origin: 'é'.repeat(128) }, 'invalid_parameter'],
    [
      'duplicates by content without the index that finds them',
      { duplicates: 'content', leafHashIndex: false },
      'invalid_parameter',
    ],
  ])('%s', async (_, change, code) => {
    const dir = await newDataDirectory();
    await expect(createLog(deps(dir), { ...OTHER, ...change })).rejects.toMatchObject({ code });
    expect(await namesOf(dir)).toEqual(['main']);
    await (await openLog({ dir, clock: systemClock }, 'main')).close();
  });

  test('an origin of 255 bytes and a name of 63 letters are the longest', async () => {
    const dir = await newDataDirectory();
    const longest = { ...OTHER, name: 'o'.repeat(63), origin: `${'é'.repeat(127)}e` };
    await createLog(deps(dir), longest);
    await using log = await openLog({ dir, clock: systemClock }, longest.name);
    expect(log.origin).toBe(longest.origin);
  });

  test('STORE-8 one whose database is taken away while it is made is not there', async () => {
    const dir = await newDataDirectory();
    const { db } = unfinishedPaths(dir, 'other');
    const takingAway = (): number => {
      renameSync(db, `${db}.taken`);
      return 0;
    };
    const made = createLog({ ...deps(dir), clock: { ...systemClock, nowMs: takingAway } }, OTHER);
    await expect(made).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(await namesOf(dir)).toEqual(['main']);
  });
});

describe('STORE-1 a log whose making was cut short', () => {
  /** Ends the making of `other` with an error where a part of it asks for time or random bytes. */
  async function cutShort(dir: DataDirectory, at: 'random' | 'nowMs', calls: number): Promise<void> {
    let left = calls;
    const ending =
      <A extends unknown[], R>(usual: (...args: A) => R) =>
      (...args: A): R => {
        left -= 1;
        if (left === 0) throw new RangeError('the end of the process');
        return usual(...args);
      };
    const usual = deps(dir);
    const clock = at === 'nowMs' ? { ...systemClock, nowMs: ending(systemClock.nowMs) } : systemClock;
    const random = at === 'random' ? ending(usual.random) : usual.random;
    await expect(createLog({ dir, clock, random }, { ...OTHER, kind: 'events' })).rejects.toThrow(RangeError);
  }

  test.each<[string, (dir: DataDirectory) => Promise<void>]>([
    ['before its key', (dir) => cutShort(dir, 'random', 1)],
    ['before its database', (dir) => cutShort(dir, 'nowMs', 1)],
    ['before its secrets', (dir) => cutShort(dir, 'random', 2)],
    ['before its manifest', (dir) => cutShort(dir, 'nowMs', 2)],
    [
      'between the name of its guard and its own',
      async (dir) => {
        await createLog(deps(dir), { ...OTHER, kind: 'events' });
        await rename(logPaths(dir, 'other').root, unfinishedPaths(dir, 'other').root);
      },
    ],
    ['of which only the guard is left', (dir) => mkdir(unfinishedPaths(dir, 'other').guard)],
  ])('%s is no log, is said to be there, and is made once that was removed', async (_, leave) => {
    const dir = await newDataDirectory();
    await leave(dir);
    expect(await namesOf(dir)).toEqual(['main']);
    await (await LogSet.open({ dir, clock: systemClock })).close();
    await expect(createLog(deps(dir), OTHER)).rejects.toMatchObject({ code: 'data_exists' });
    expect(await removeUnfinished(dir, 'other')).toBe(true);
    expect(await removeUnfinished(dir, 'other')).toBe(false);
    await createLog(deps(dir), OTHER);
    await (await openLog({ dir, clock: systemClock }, 'other')).close();
    expect([await namesOf(dir), await readdir(dir.guardPath)]).toEqual([
      ['main', 'other'],
      ['main', 'other'],
    ]);
  });

  test('a log and a guard that have the name are never removed', async () => {
    const dir = await newDataDirectory();
    await createLog(deps(dir), OTHER);
    await mkdir(unfinishedPaths(dir, 'other').root);
    expect(await removeUnfinished(dir, 'other')).toBe(true);
    await (await openLog({ dir, clock: systemClock }, 'other')).close();
  });

  test('nor is the guard of a log whose data are gone', async () => {
    const dir = await newDataDirectory();
    await createLog(deps(dir), OTHER);
    const [{ root, guard }, left] = [logPaths(dir, 'other'), unfinishedPaths(dir, 'other')];
    const kept = `${guard}-kept`;
    await rm(root, { recursive: true });
    await rename(guard, kept);
    // One of the same name, with another key, and one that was cut short before it had a key.
    await createLog(deps(dir), OTHER);
    await rename(root, left.root);
    await rm(guard, { recursive: true });
    await rename(kept, guard);
    for (const lay of [async () => undefined, () => mkdir(left.root)]) {
      await lay();
      expect(await removeUnfinished(dir, 'other')).toBe(true);
      await expect(createLog(deps(dir), OTHER)).rejects.toMatchObject({
        ...{ code: 'data_exists', message: expect.stringContaining('a guard exists') },
      });
    }
  });

  test('a folder that is there without being a log is said to be one', async () => {
    const dir = await newDataDirectory();
    await mkdir(logPaths(dir, 'other').root);
    await expect(createLog(deps(dir), OTHER)).rejects.toMatchObject({
      ...{ code: 'data_exists', message: expect.stringContaining('no log.json') },
    });
  });

  test('a disk that is full is said to be so', async () => {
    const dir = await newDataDirectory();
    const random = (): never => {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    };
    await expect(createLog({ ...deps(dir), random }, OTHER)).rejects.toMatchObject({ code: 'not_writable' });
  });

  test('what cannot be looked at is not taken for nothing', async () => {
    const dir = await newDataDirectory();
    await rm(join(dir.dataPath, 'logs'), { recursive: true });
    await symlink('logs', join(dir.dataPath, 'logs'));
    for (const look of [() => removeUnfinished(dir, 'other'), () => createLog(deps(dir), OTHER)])
      await expect(look()).rejects.toMatchObject({ code: 'storage_unreadable', cause: { code: 'ELOOP' } });
  });
});

describe('STORE-10 a file where a folder belongs, and the other way round', () => {
  const REPLACED: readonly [string, 'file' | 'folder', string][] = [
    ['data', 'file', 'no_data'],
    ['data/stele.json', 'folder', 'no_data'],
    ['data/logs', 'file', 'invalid_config'],
    ['data/logs/main', 'file', 'invalid_config'],
    ['data/logs/other', 'file', 'invalid_config'],
    ['data/logs/main/log.json', 'folder', 'no_data'],
    ['data/logs/main/key', 'folder', 'key_missing'],
    ['data/logs/main/db', 'file', 'data_damaged'],
    ['data/logs/main/db.kept', 'file', 'data_damaged'],
    ['data/logs/main/damage.json', 'folder', 'data_damaged'],
    ['data.guard', 'file', 'guard_missing'],
    ['data.guard/main', 'file', 'guard_missing'],
    ['data.guard/main/owner.0', 'folder', 'guard_unreadable'],
  ];

  test.each(REPLACED)('%s as a %s refuses the start with a code', async (place, as, code) => {
    const dir = await newDataDirectory();
    const path = join(dirname(dir.dataPath), place);
    await rm(path, { recursive: true, force: true });
    await (as === 'file' ? writeFile(path, 'x') : mkdir(path, { mode: 0o700 }));
    const started = LogSet.open({ dir, clock: systemClock });
    await expect(started).rejects.toMatchObject({ code, message: expect.stringContaining(dirname(path)) });
  });

  test.each<[string, string]>([
    ['data/logs', 'no_data'],
    ['data/logs/other', 'data_exists'],
    ['data.guard', 'invalid_config'],
    ['data.guard/other', 'data_exists'],
  ])('%s as a file lets no log be made', async (place, code) => {
    const dir = await newDataDirectory();
    const path = join(dirname(dir.dataPath), place);
    await rm(path, { recursive: true, force: true });
    await writeFile(path, 'x');
    await expect(createLog(deps(dir), OTHER)).rejects.toMatchObject({ code });
  });
});

describe('STORE-6 the logs of a data directory', () => {
  test('main comes first, then by name; what has no manifest or no name of a log is none', async () => {
    const dir = await newDataDirectory();
    for (const name of ['b', 'a', '0', 'z']) await manifestOf(dir, name);
    await mkdir(logPaths(dir, 'half-made').root);
    await mkdir(join(dir.dataPath, 'logs/Not-A-Log'));
    expect(await namesOf(dir)).toEqual(['main', '0', 'a', 'b', 'z']);
  });

  test('one whose manifest cannot be looked at is not passed over', async () => {
    const dir = await newDataDirectory();
    await mkdir(logPaths(dir, 'other').root);
    await symlink('log.json', logPaths(dir, 'other').manifest);
    await expect(listLogs(dir)).rejects.toMatchObject({ code: 'invalid_config', cause: { code: 'ELOOP' } });
  });

  test.each([
    ['this schema', '{"schema":1}', 'taken'],
    ['another one', '{"schema":2}', 'schema_unsupported'],
    ['none', '{}', 'schema_unsupported'],
    ['no object', '1', 'no_data'],
    ['no JSON', '{"schema":1', 'no_data'],
    ['no file', undefined, 'no_data'],
  ])('stele.json with %s', async (_, text, expected) => {
    const dir = await newDataDirectory();
    const path = join(dir.dataPath, 'stele.json');
    await (text === undefined ? rm(path) : writeFile(path, text));
    const outcome = checkDataDirectory(dir).then(
      () => 'taken',
      (error: { code?: string }) => error.code,
    );
    expect(await outcome).toBe(expected);
  });
});
