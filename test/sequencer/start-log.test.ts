import { cp, rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';
import { logOnFiles, openLog } from '../../src/sequencer/open-log.ts';
import { encodeCleanStop } from '../../src/sequencer/recovery.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { type StartDeps, type StartOptions, startLog } from '../../src/sequencer/start-log.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { createFileGuard } from '../../src/store/file-guard.ts';
import type { Guard } from '../../src/store/guard.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey, edgeKey, OPEN_KEY, STATE_KEY, tileKey } from '../../src/store/rows.ts';
import type { Store } from '../../src/store/store.ts';
import { latch } from '../support/latch.ts';
import { replacing } from '../support/replaced-calls.ts';
import { fill } from '../support/rotting-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

const filesOf = (dir: DataDirectory, clock: Clock = systemClock): Promise<StartDeps> =>
  logOnFiles({ dir, clock }, 'main');

/** What a log is started from, with some calls of its database or guard replaced. */
const withStore = (from: StartDeps, calls: Partial<Store>): StartDeps => ({
  ...from,
  openStore: async () => replacing(await from.openStore(), calls),
});
const withGuard = (from: StartDeps, calls: Partial<Guard>): StartDeps => ({
  ...from,
  takeOverGuard: async () => replacing(await from.takeOverGuard(), calls),
});

const codeOf = (from: StartDeps, options?: StartOptions): Promise<string> =>
  startLog(from, options).then(
    (log) => log.close().then(() => 'started'),
    (error: { code: string }) => error.code,
  );

/** Changes rows of a stopped log; nothing marks a clean stop. */
async function edit(dir: DataDirectory, change: Parameters<Store['commit']>[0]): Promise<void> {
  const store = new CheckedStore(await LevelStore.open(logPaths(dir, 'main').db));
  await store.accept();
  await store.commit(change);
  await store.close();
}

describe('SEQ-7 STORE-9 nothing is signed before the first write of a start', () => {
  test.each([
    ['the disk is full', new Error('IO error: No space left on device'), 'not_writable'],
    ['the disk says something else', new Error('IO error: Input/output error'), 'commit_unknown'],
    ['the disk says nothing', undefined, 'commit_unknown'],
  ])('%s', async (_, lastError, code) => {
    const dir = await newDataDirectory();
    const from = await filesOf(dir);
    const before = await from.readGuard();
    expect(await codeOf(withStore(from, { commit: async () => 'unknown', lastError }))).toBe(code);
    expect(await from.readGuard()).toEqual(before);
    expect(await codeOf(from)).toBe('started');
  });
});

describe('SEQ-7 what a start cannot read', () => {
  const broken = Object.assign(new Error('block checksum mismatch'), { code: 'LEVEL_CORRUPTION' });
  test.each([
    ['damage that LevelDB meets is a refusal', broken, 'data_damaged'],
    ['a bug is none', new RangeError('ours'), undefined],
  ])('%s', async (_, thrown, code) => {
    const throwing = (): never => {
      throw thrown;
    };
    const from = await filesOf(await newDataDirectory());
    expect(await codeOf(withStore(from, { iterate: throwing }))).toBe(code);
  });
});

describe('SEQ-7 an unsigned state is signed at the start, or not served', () => {
  test.each([
    ['superseded', 'guard_superseded'],
    ['unknown', 'guard_unknown'],
  ] as const)('the guard is %s', async (outcome, code) => {
    const from = await filesOf(await newDataDirectory());
    const failing = await startLog(withGuard(from, { raise: async () => 'unknown' }));
    await expect(fill(failing, 0, 2)).rejects.toMatchObject({ code: 'commit_unknown' });
    await failing.close();
    expect(await codeOf(withGuard(from, { raise: async () => outcome }))).toBe(code);
    expect((await from.readGuard()).size).toBe(0);
    const log = await startLog(from);
    expect([log.head.size, (await from.readGuard()).size]).toEqual([2, 2]);
    await log.close();
  });
});

test('SEQ-7 SEQ-8 an unsigned state is checked whole before it is signed, however large it is', async () => {
  const dir = await newDataDirectory();
  const from = await filesOf(dir);
  const failing = await startLog(withGuard(from, { raise: async () => 'unknown' }));
  await expect(fill(failing, 0, 600)).rejects.toMatchObject({ code: 'commit_unknown' });
  await failing.close();
  await edit(dir, { puts: [], deletes: [bundleKey(0)] });
  expect(await codeOf(from, LATER)).toBe('data_damaged');
  expect((await from.readGuard()).size).toBe(0);
});

test.each([
  [600, 'started'],
  [599, 'data_damaged'],
])('SEQ-8 after a stop of 600 entries, a mark of a clean stop at %i: %s', async (size, outcome) => {
  const dir = await newDataDirectory();
  const from = await filesOf(dir);
  const log = await startLog(from);
  await fill(log, 0, 600);
  await log.close();
  const marker = { key: OPEN_KEY, value: encodeCleanStop(treeSize(size)) };
  await edit(dir, { puts: [marker], deletes: [bundleKey(0)] });
  // Only a full check meets the bundle.
  expect(await codeOf(from, { check: { tailEntries: 0, beforeStartMax: 1_000 } })).toBe(outcome);
});

test('SEQ-5 who is answered may ask again at once, however long the commit took', async () => {
  let nowMs = 0;
  const slow = (): Promise<void> => {
    nowMs += 10_000;
    return systemClock.nextTurn();
  };
  const clock = { ...systemClock, monotonicMs: () => nowMs, nextTurn: slow };
  await using log = await startLog(await filesOf(await newDataDirectory(), clock));
  for (let i = 0; i < 3; i += 1) await log.append({ entries: [Buffer.from(`${i}`)] });
  expect(log.head.size).toBe(3);
});

test('SEQ-7 what was signed between the look at the guard and the take-over refuses the start', async () => {
  const dir = await newDataDirectory();
  const from = await filesOf(dir);
  const older = { ...dir, dataPath: `${dir.dataPath}.old` };
  let found = await from.readGuard();
  for (const size of [2, 3]) {
    const log = await startLog(from);
    await fill(log, log.head.size, size);
    await log.close();
    if (size === 3) continue;
    await cp(dir.dataPath, older.dataPath, { recursive: true });
    found = await from.readGuard();
  }
  expect(await codeOf({ ...(await filesOf(older)), readGuard: async () => found })).toBe('guard_ahead');
  expect((await from.readGuard()).size).toBe(3);
});

describe('GUARD-2 SEQ-7 a guard whose note is of another size', () => {
  test('refuses the start, though its size and root are of this log and so is the note', async () => {
    const dir = await newDataDirectory();
    const heads: SignedHead[] = [];
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    for (const word of ['one', 'two']) heads.push((await log.append({ entries: [Buffer.from(word)] })).head);
    await log.close();
    const [one, two] = heads as [SignedHead, SignedHead];
    await rm(dir.guardPath, { recursive: true });
    await createFileGuard(logPaths(dir, 'main').guard, { ...one, note: two.note });
    const opened = openLog({ dir, clock: systemClock }, 'main');
    await expect(opened).rejects.toMatchObject({ code: 'guard_unreadable' });
    await expect(opened).rejects.toThrow(/a note of another size/);
  });
});

describe('SEQ-8 a start refuses rows that do not make the recorded tree', () => {
  test.each<[string, Uint8Array, Uint8Array | undefined, RegExp]>([
    ['no state', STATE_KEY, undefined, /no state/],
    ['a state that is cut off', STATE_KEY, new Uint8Array(47), /47 bytes instead of 48/],
    ['a record before the last gone', edgeKey(512), undefined, /missing before index 600/],
    ['the last record gone', edgeKey(600), undefined, /610 entries, the records end at 600/],
    ['a bundle gone', bundleKey(1), undefined, /bundle 1 is missing/],
    ['a tile gone', tileKey(0, 1), undefined, /tile 0\/1 is missing/],
  ])('%s', async (_, key, value, message) => {
    const dir = await newDataDirectory();
    const from = await filesOf(dir);
    const log = await startLog(from);
    await fill(log, 0, 600);
    await fill(log, 600, 610);
    await log.close();
    const before = await from.readGuard();
    await edit(
      dir,
      value === undefined ? { puts: [], deletes: [key] } : { puts: [{ key, value }], deletes: [] },
    );
    const started = startLog(from);
    await expect(started).rejects.toMatchObject({ code: 'data_damaged' });
    await expect(started).rejects.toThrow(message);
    expect(await from.readGuard()).toEqual(before);
  });
});

/** A copy of a log of 600 entries as a crash leaves it. */
async function crashed(): Promise<DataDirectory> {
  const dir = await newDataDirectory();
  const copy = { dataPath: `${dir.dataPath}.copy`, guardPath: `${dir.guardPath}.copy` };
  await using log = await startLog(await filesOf(dir));
  await fill(log, 0, 600);
  await cp(dir.dataPath, copy.dataPath, { recursive: true, filter: (path) => !path.endsWith('LOCK') });
  await cp(dir.guardPath, copy.guardPath, { recursive: true });
  return copy;
}

/** So few that 600 are checked in the background, and none before. */
const LATER = { check: { tailEntries: 0, beforeStartMax: 100 } };

/** A clock that lets a check go on only when it is told to. */
function gate(): { clock: Clock; open: () => void } {
  const { opened, open } = latch();
  return { clock: { ...systemClock, nextTurn: () => opened }, open };
}

async function settled(log: RunningLog): Promise<void> {
  while (log.status().reason !== undefined) await new Promise((resolve) => setImmediate(resolve));
}

/** It serves what is sound and takes nothing; a turn of the event loop is more than what is left of its check takes. */
async function readsOn(log: RunningLog): Promise<void> {
  const turn = new Promise((resolve) => setImmediate(resolve));
  expect(await Promise.race([log.failed, turn])).toBeUndefined();
  expect(log.status()).toMatchObject({ acceptsEntries: false, reason: 'log_damaged' });
  expect(await log.readEntries(leafIndex(599), treeSize(600))).toEqual([Buffer.from('entry 599')]);
  await log.close();
}

describe('SEQ-8 a check in the background after an unclean stop', () => {
  test('is read-only until it has passed', async () => {
    const { clock, open } = gate();
    await using log = await startLog(await filesOf(await crashed(), clock), LATER);
    expect(log.status()).toMatchObject({ acceptsEntries: false, reason: 'log_checking' });
    await expect(fill(log, 600, 601)).rejects.toMatchObject({ code: 'log_checking' });
    expect(await log.readEntries(leafIndex(599), treeSize(600))).toEqual([Buffer.from('entry 599')]);
    open();
    await settled(log);
    await fill(log, 600, 601);
    expect(log.head.size).toBe(601);
  });

  test('is done anew when the log was closed before its end', async () => {
    const dir = await crashed();
    for (let times = 0; times < 2; times += 1) {
      const log = await startLog(await filesOf(dir, gate().clock), LATER);
      expect(log.status().reason).toBe('log_checking');
      await log.close();
    }
    const log = await startLog(await filesOf(dir), LATER);
    await settled(log);
    await log.close();
    const again = await startLog(await filesOf(dir), LATER);
    expect(again.status().reason).toBeUndefined();
    await again.close();
  });

  test('ends the log at damage, which is named', async () => {
    const dir = await crashed();
    await edit(dir, { puts: [], deletes: [bundleKey(1)] });
    await using log = await startLog(await filesOf(dir), LATER);
    expect(await log.failed).toMatchObject({
      code: 'data_damaged',
      message: expect.stringContaining('bundle 1 is missing'),
    });
    expect(log.status().reason).toBe('log_checking');
  });

  test('SCRUB-5 ends no log that is read-only for damage already, now and after a restart', async () => {
    const dir = await crashed();
    await edit(dir, { puts: [], deletes: [bundleKey(1)] });
    const { clock, open } = gate();
    const found = await startLog(await filesOf(dir, clock), LATER);
    found.stored().report({ row: bundleKey(0), message: 'a test says so' });
    open();
    await readsOn(found);
    await readsOn(await startLog(await filesOf(dir), LATER));
  });

  test('ends the log as a fault of ours when the disk does not answer', async () => {
    const from = await filesOf(await crashed());
    const store = await from.openStore();
    const failing: Partial<Store> = {
      get: (key) => {
        if (key[0] === bundleKey(0)[0]) throw new Error('IO error: Input/output error');
        return store.get(key);
      },
    };
    await using log = await startLog({ ...from, openStore: async () => replacing(store, failing) }, LATER);
    expect(await log.failed).toMatchObject({
      code: 'internal',
      cause: { message: expect.stringContaining('Input/output error') },
    });
  });
});

describe('SEQ-11 SCRUB-6 a log that nobody counts bytes for and that keeps no record', () => {
  test('has no reserve; a finding is in force until it closes', async () => {
    const { diskSpace: _, findings: __, ...bare } = await filesOf(await newDataDirectory());
    const log = await startLog(bare);
    await fill(log, 0, 1);
    expect(Object.keys(log.status())).not.toContain('freeBytes');
    expect(log.status().acceptsEntries).toBe(true);
    log.stored().report({ message: 'a test says so' });
    await expect(fill(log, 1, 2)).rejects.toMatchObject({ code: 'log_damaged' });
    await log.close();
    const again = await startLog(bare);
    expect([again.findings, again.head.size]).toEqual([[], 1]);
    await again.close();
  });
});
