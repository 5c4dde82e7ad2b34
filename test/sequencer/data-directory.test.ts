import { renameSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
    const { db } = logPaths(dir, 'other');
    const takingAway = (): number => {
      renameSync(db, `${db}.taken`);
      return 0;
    };
    const made = createLog({ ...deps(dir), clock: { ...systemClock, nowMs: takingAway } }, OTHER);
    await expect(made).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(await namesOf(dir)).toEqual(['main']);
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
