import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { fsckDirectory } from '../../src/cli/fsck-directory.ts';
import { createToken, readTokens } from '../../src/cli/token-file.ts';
import type { TlogError } from '../../src/core/error.ts';
import { inspectEventFiles } from '../../src/events/event-files.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { newPass } from '../../src/scrub/pass.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import { findingFile } from '../../src/sequencer/finding-file.ts';
import { readFileGuard } from '../../src/store/file-guard.ts';
import { publishedFile } from '../../src/witnessing/published-file.ts';
import { newDataDirectory } from '../support/test-log.ts';

let dir: DataDirectory;
let log: string;

/** Each with what reads it, and how what it says is told apart. */
const READERS: Readonly<Record<string, () => Promise<unknown>>> = {
  'tokens.json': () => readTokens(dir.dataPath),
  'logs/main/damage.json': () => findingFile(log).read(),
  'logs/main/published.json': () => publishedFile(log).read(),
  'logs/main/scrub.json': () => progressFile(log).read(),
  'logs/main/id-secret': async () => {
    await using events = await inspectEventFiles(log, 0);
    return Buffer.from(events.ids.keyOf('id', undefined)).toString('hex');
  },
};

beforeEach(async () => {
  dir = await newDataDirectory({ kind: 'events' });
  log = logPaths(dir, 'main').root;
  const deps = { dataPath: dir.dataPath, nowMs: systemClock.nowMs(), random: systemRandom };
  await createToken(deps, { scopes: ['append'], logs: ['main'] });
  const { note } = await readFileGuard(logPaths(dir, 'main').guard);
  await publishedFile(log).write({ published: note, witnessed: note });
  await progressFile(log).write({ pass: { ...newPass(9, 1), after: '74' } });
  const finding = { log: 'main', part: 'tile', row: '7400', message: 'wrong', foundBy: 'scrub' } as const;
  const kept = { ...finding, foundAt: '2026-11-27T00:00:00Z', whatNext: 'repair' };
  await findingFile(log).write({ findings: [kept], more: 0, withheldSorts: [] });
});

describe('STORE-15 a bit that turned in a small file', () => {
  test.each(Object.entries(READERS))('%s never says something else', async (name, read) => {
    const path = join(dir.dataPath, name);
    const bytes = await readFile(path);
    const before = await read();
    for (let at = 0; at < bytes.length; at += 1) {
      const turned = Buffer.from(bytes);
      turned.writeUInt8(turned.readUInt8(at) ^ (1 << (at % 8)), at);
      await writeFile(path, turned);
      const said = await read().catch(() => 'refused');
      const isNothing = name.endsWith('scrub.json') && JSON.stringify(said) === '{}';
      if (said !== 'refused' && !isNothing) expect(said).toEqual(before);
    }
    await writeFile(path, bytes);
    expect(await read()).toEqual(before);
  });
});

describe('FSCK-5 a small file that cannot be used is named', () => {
  const PLACES = Object.keys(READERS).filter((name) => !name.endsWith('scrub.json'));

  test.each(PLACES)('%s', async (name) => {
    const path = join(dir.dataPath, name);
    const bytes = await readFile(path);
    const cut = bytes.subarray(0, bytes.length - 8);
    await writeFile(path, cut);
    const found = await fsckDirectory(dir, 'main').then(
      ({ difference }) => difference?.message,
      (error: Error) => error.message,
    );
    await writeFile(path, bytes);
    expect(found).toContain(path);
  });

  test.each(PLACES)('a folder in the place of %s', async (name) => {
    const path = join(dir.dataPath, name);
    const bytes = await readFile(path);
    await rm(path);
    await mkdir(path);
    const found = await fsckDirectory(dir, 'main').then(
      ({ difference }) => difference?.message,
      (error: TlogError) => `${error.code}: ${error.message}`,
    );
    await rm(path, { recursive: true });
    await writeFile(path, bytes);
    expect(found).toContain(path);
    expect(found).not.toMatch(/^(?:undefined|internal)/);
  });

  // What the disk does not give is not known to be wrong.
  test.each(['tokens.json', 'logs/main/published.json'])('one that cannot be read: %s', async (name) => {
    const path = join(dir.dataPath, name);
    const bytes = await readFile(path);
    await rm(path);
    await symlink(path, path);
    const found = fsckDirectory(dir, 'main');
    await expect(found).rejects.toMatchObject({
      code: 'storage_unreadable',
      message: expect.stringContaining(path),
    });
    await rm(path);
    await writeFile(path, bytes);
  });

  test('that of a published head which another log has signed', async () => {
    const other = await newDataDirectory({ origin: 'other.example/main' });
    const { note } = await readFileGuard(logPaths(other, 'main').guard);
    const path = join(log, 'published.json');
    const bytes = await readFile(path);
    await publishedFile(log).write({ published: note });
    const { difference } = await fsckDirectory(dir, 'main');
    await writeFile(path, bytes);
    expect([difference?.part, difference?.message]).toEqual(['file', expect.stringContaining(path)]);
  });

  test('stele.json, and none where all are right or there are none', async () => {
    const path = join(dir.dataPath, 'stele.json');
    await writeFile(path, '{"schema":3}');
    await expect(fsckDirectory(dir, 'main')).rejects.toThrow(path);
    await writeFile(path, '{"schema":1}');
    expect((await fsckDirectory(dir, 'main')).difference).toBeUndefined();
    for (const name of PLACES.filter((place) => !place.endsWith('id-secret')))
      await rm(join(dir.dataPath, name));
    expect((await fsckDirectory(dir, 'main')).difference).toBeUndefined();
  });
});
