import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { KeptFiles } from '../../src/store/kept-files.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { newDataDirectory } from '../support/test-log.ts';

const clock = systemClock;
const KEY = Uint8Array.of(1);

/** A stopped log of some entries and the folder of its database. */
async function stoppedLog() {
  const dir = await newDataDirectory();
  for (let start = 0; start < 2; start += 1) {
    const log = await openLog({ dir, clock }, 'main');
    await log.append({ entries: Array.from({ length: 300 }, (_, i) => Buffer.from(`entry ${start}/${i}`)) });
    await log.close();
  }
  return { dir, db: logPaths(dir, 'main').db };
}

async function contents(db: string): Promise<Map<string, string>> {
  const names = (await readdir(db)).filter((name) => !/^LO/.test(name)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await readFile(join(db, name))).toString('hex')] as const),
    ),
  );
}

async function cutManifest(db: string): Promise<void> {
  const name = (await readdir(db)).find((one) => one.startsWith('MANIFEST')) ?? '';
  const { length } = await readFile(join(db, name));
  await truncate(join(db, name), length - 10);
}

const siblings = async (db: string): Promise<string[]> =>
  (await readdir(join(db, '..'))).filter((name) => name.startsWith('db')).sort();

describe('STORE-7 a start that refuses leaves the files as they were', () => {
  test('a cut MANIFEST: LevelDB deletes every table, and they come back, start after start', async () => {
    const { dir, db } = await stoppedLog();
    await cutManifest(db);
    const before = await contents(db);
    for (let tries = 0; tries < 3; tries += 1) {
      await expect(openLog({ dir, clock }, 'main')).rejects.toMatchObject({ code: 'data_damaged' });
      expect(await contents(db)).toEqual(before);
    }
    expect(await siblings(db)).toEqual(['db']);
  });

  test('looking at a log changes none of its files', async () => {
    const { dir, db } = await stoppedLog();
    const before = await contents(db);
    await (await inspectLog(dir, 'main'))[Symbol.asyncDispose]();
    expect(await contents(db)).toEqual(before);
    expect(await siblings(db)).toEqual(['db']);
  });

  test('a start that passes lets go of them', async () => {
    const { dir, db } = await stoppedLog();
    const log = await openLog({ dir, clock }, 'main');
    expect(await siblings(db)).toEqual(['db']);
    await log.close();
  });

  test('a start refused by the lock lets go of its own', async () => {
    const { dir, db } = await stoppedLog();
    const log = await openLog({ dir, clock }, 'main');
    // Another process would not get past the lock; a second handle of this one does not either.
    await expect(LevelStore.open(db)).rejects.toMatchObject({ code: 'data_locked' });
    expect(await siblings(db)).toEqual(['db']);
    await log.append({ entries: [Buffer.from('goes on')] });
    await log.close();
  });
});

describe('STORE-7 what a start left that died before its verdict', () => {
  test('is put back when the next start is refused, and what it replaces is kept, too', async () => {
    const { dir, db } = await stoppedLog();
    await cp(db, `${db}.kept`, { recursive: true });
    const before = await contents(db);
    await cutManifest(db);
    await expect(openLog({ dir, clock }, 'main')).rejects.toMatchObject({ code: 'data_damaged' });
    expect(await contents(db)).toEqual(before);
    expect(await siblings(db)).toEqual(['db', 'db.refused']);
    await (await openLog({ dir, clock }, 'main')).close();
  });

  test('goes when the next start passes, newer entries and all', async () => {
    const { dir, db } = await stoppedLog();
    await cp(db, `${db}.kept`, { recursive: true });
    const log = await openLog({ dir, clock }, 'main');
    expect([log.head.size, await siblings(db)]).toEqual([600, ['db']]);
    await log.close();
  });

  test('takes its place when it died between the two renames', async () => {
    const { dir, db } = await stoppedLog();
    await rename(db, `${db}.kept`);
    const log = await openLog({ dir, clock }, 'main');
    expect([log.head.size, await siblings(db)]).toEqual([600, ['db']]);
    await log.close();
  });

  test('nothing is put back once they were let go, were it only halfway', async () => {
    const { db } = await stoppedLog();
    const before = await contents(db);
    const kept = await KeptFiles.keep(db);
    await rename(`${db}.kept`, `${db}.kept.old`);
    await kept.putBack();
    expect(await contents(db)).toEqual(before);
  });

  test('of two that open a database in the same moment the second is refused, and loses nothing', async () => {
    const { dir, db } = await stoppedLog();
    const before = await contents(db);
    const both = await Promise.allSettled([inspectLog(dir, 'main'), inspectLog(dir, 'main')]);
    const ends = await Promise.all(
      both.map(async (one) => {
        if (one.status === 'rejected') return one.reason.code;
        await one.value[Symbol.asyncDispose]();
        return 'opened';
      }),
    );
    expect(ends.sort()).toEqual(['data_locked', 'opened']);
    expect([await contents(db), await siblings(db)]).toEqual([before, ['db']]);
  });

  test('nor does who opens it while another lets go of it', async () => {
    const { db } = await stoppedLog();
    const before = await contents(db);
    for (let i = 0; i < 100; i += 1) {
      const kept = await KeptFiles.keep(db);
      const letGo = kept.putBack();
      for (let turns = 0; turns < i % 10; turns += 1) await systemClock.nextTurn();
      const [ended, next] = await Promise.allSettled([letGo, KeptFiles.keep(db)]);
      expect(ended).toMatchObject({ status: 'fulfilled' });
      if (next.status === 'fulfilled') await next.value.putBack();
      else expect(next.reason).toMatchObject({ code: 'data_locked' });
      expect(await contents(db)).toEqual(before);
    }
  });

  test('half-made and half-removed ones do not stand in the way', async () => {
    const { dir, db } = await stoppedLog();
    for (const left of ['kept.new', 'kept.old']) await mkdir(`${db}.${left}`);
    const log = await openLog({ dir, clock }, 'main');
    expect(await siblings(db)).toEqual(['db']);
    await log.close();
  });
});

describe('STORE-8 a database that was taken away', () => {
  const takenAway: [string, (db: string) => Promise<void>][] = [
    ['removed', (db) => rm(db, { recursive: true })],
    ['moved', (db) => rename(db, `${db}.moved`)],
    [
      'replaced by a copy',
      (db) => rename(db, `${db}.moved`).then(() => cp(`${db}.moved`, db, { recursive: true })),
    ],
    ['without CURRENT', (db) => rm(join(db, 'CURRENT'))],
  ];

  test.each(takenAway)('%s: the next append fails, nothing is signed, the log ends', async (_, take) => {
    const { dir, db } = await stoppedLog();
    const log = await openLog({ dir, clock }, 'main');
    await log.append({ entries: [Buffer.from('one')] });
    const { head } = log;
    await take(db);
    await expect(log.append({ entries: [Buffer.from('two')] })).rejects.toMatchObject({
      code: 'commit_unknown',
    });
    const failure = await log.failed;
    expect([failure.code, String(failure.cause)]).toEqual([
      'commit_unknown',
      expect.stringContaining('not where'),
    ]);
    expect(log.head).toEqual(head);
    await log.close();
    expect(existsSync(`${db}.kept`)).toBe(false);
  });

  test('a commit before the content was accepted is a bug', async () => {
    const { db } = await stoppedLog();
    const store = await LevelStore.open(db);
    await expect(store.commit({ puts: [{ key: KEY, value: KEY }], deletes: [] })).rejects.toThrow(TypeError);
    await store.close();
  });
});
