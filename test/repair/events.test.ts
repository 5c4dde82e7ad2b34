import { createHash } from 'node:crypto';
import { cp, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex } from '../../src/core/units.ts';
import { eventPaths } from '../../src/events/event-files.ts';
import { encryptionKey } from '../../src/events/event-keys.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { placeOf, sealBytes } from '../../src/events/sealed-bytes.ts';
import { SeedFile } from '../../src/events/seed-file.ts';
import { folderSource } from '../../src/repair/folder-source.ts';
import { type RepairReport, repairLog } from '../../src/repair/repair-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import type { Log } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { sealValue } from '../../src/store/checked-store.ts';
import {
  blobKey,
  encodeIndexes,
  eventIdKey,
  eventRetryKey,
  payloadKey,
  rawKey,
} from '../../src/store/event-rows.ts';
import { encodeIndex } from '../../src/store/rows.ts';
import { type BackupDesk, backupDesk } from '../support/backup-desk.ts';
import { flipped, rottingLog } from '../support/rotting-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

function eventOf({ events }: Log, id: string, content?: Uint8Array): NewEvent {
  const sha256 = createHash('sha256')
    .update(content ?? '')
    .digest('base64');
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    actor: { type: 'user', id: 'u' },
    ...(content === undefined
      ? {}
      : { raw: { format: 'x', media_type: 'text/plain', sha256, size: content.length } }),
  };
  const checked = checkEvent(value, '');
  const idKey = events?.ids.keyOf(id, undefined) ?? new Uint8Array(32);
  return { ...checked, sent: checked.text, idKey, hasId: true, content };
}

describe('REPAIR-5 a log of events', () => {
  test('takes away what is stored of leaves beyond the signed tree, and keeps the rest', async () => {
    const { log, dir, put } = await rottingLog({ kind: 'events' });
    await log.events?.append({ events: ['a', 'b'].map((id) => eventOf(log, id)) });
    const ghost = eventOf(log, 'ghost');
    const key = new Uint8Array(32).fill(9);
    const beyond: (readonly [Uint8Array, Uint8Array])[] = [
      [payloadKey(2), new Uint8Array(80)],
      [rawKey(2), new Uint8Array(80)],
      [eventIdKey(ghost.idKey), encodeIndex(leafIndex(2))],
      [eventRetryKey(key), encodeIndexes([leafIndex(0), leafIndex(2)])],
    ];
    for (const [row, value] of beyond) await put(row, sealValue(row, value));
    await log.close();
    const report = await repairLog({ dir, name: 'main', source: undefined, dropLost: false, nowMs: 0 });
    expect(report).toMatchObject({ clean: true, removed: { count: 4 }, lost: { count: 0 } });
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(
      (await opened.events?.append({ events: [eventOf(opened, 'b'), eventOf(opened, 'ghost')] }))?.isNew,
    ).toEqual([false, true]);
    expect((await opened.events?.read(leafIndex(1)))?.event.id).toBe('b');
  });

  test('a sound copy is brought up to the guard from the damaged directory, seeds and all that can be read', async () => {
    const { log, dir } = await rottingLog({ kind: 'events' });
    await log.events?.append({ events: [eventOf(log, 'old')] });
    const copied = await tempFolder();
    await log.close();
    await cp(dir.dataPath, join(copied, 'data'), { recursive: true });
    const again = await openLog({ dir, clock: systemClock }, 'main');
    await again.events?.append({ events: [eventOf(again, 'new'), eventOf(again, 'rotten')] });
    await again.close();
    const rotten = await rottingLog({ dir });
    for (const index of [0, 2]) await rotten.change(payloadKey(index), (row) => flipped(row, 40));
    await rotten.log.close();
    const sound = { dataPath: join(copied, 'data'), guardPath: dir.guardPath };
    await using from = await folderSource(dir.dataPath, 'main');
    const job = { dir: sound, name: 'main', source: from.source, dropLost: false, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: true, treeSize: 3, damaged: { count: 0 } });
    const opened = await openLog({ dir: sound, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(await readAll(opened, 3)).toEqual([['old'], ['new'], 'payload_unavailable']);
    expect((await opened.events?.append({ events: [eventOf(opened, 'new')] }))?.isNew).toEqual([false]);
  });

  test('gives up no seeds where a newer state of the tree may be what was left out', async () => {
    const { log, dir } = await rottingLog({ kind: 'events' });
    await log.events?.append({ events: [eventOf(log, 'old')] });
    await log.close();
    const again = await openLog({ dir, clock: systemClock }, 'main');
    await again.events?.append({ events: [eventOf(again, 'new')] });
    await again.close();
    await (await openLog({ dir, clock: systemClock }, 'main')).close();
    const copied = join(await tempFolder(), 'data');
    await cp(dir.dataPath, copied, { recursive: true });
    const { db } = logPaths(dir, 'main');
    const tables = (await readdir(db)).filter((name) => name.endsWith('.ldb')).sort();
    await rm(join(db, tables.at(-1) ?? ''));
    await rm(eventPaths(join(copied, 'logs', 'main')).seeds);
    await using from = await folderSource(copied, 'main');
    const job = { dir, name: 'main', source: from.source, dropLost: false, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: true, leftOut: { count: 1 }, treeSize: 2 });
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(await readAll(opened, 2)).toEqual([['old'], ['new']]);
  });
});

const SMALL = Buffer.from('a record');
/** Over 64 KiB: a file of its own. */
const LARGE = Buffer.alloc(70_000, 'a record');
const EVENTS: readonly (readonly [id: string, content: Buffer | undefined])[] = [
  ['none', undefined],
  ['small', SMALL],
  ['large', LARGE],
];
const SIZE = EVENTS.length;
/** What reading gives of them when all is right. */
const WHOLE = EVENTS.map(([id, content]) => (content === undefined ? [id] : [id, content.length]));
const RETRY = new Uint8Array(32).fill(9);
/** A request that has no ids of its own. */
const keyed = (log: Log) => ({ events: [{ ...eventOf(log, 'keyed'), hasId: false }], retryKey: RETRY });

async function readAll(log: Log, size: number): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (let i = 0; i < size; i += 1)
    found.push(
      await log.events?.read(leafIndex(i)).then(
        async ({ event }) => {
          const raw = await log.events?.readRaw(leafIndex(i));
          return raw === undefined ? [event.id] : [event.id, raw.length];
        },
        (error: { code?: string }) => error.code,
      ),
    );
  return found;
}

/** A log of three events with a backup, some of it spoiled, and stopped. */
async function spoiled(
  { withSeeds }: { readonly withSeeds: boolean },
  spoil: (desk: BackupDesk) => Promise<void>,
): Promise<BackupDesk> {
  const desk = await backupDesk({ kind: 'events' });
  await desk.log.events?.append({ events: EVENTS.map(([id, content]) => eventOf(desk.log, id, content)) });
  await desk.log.events?.append(keyed(desk.log));
  await desk.backUp({ withSeeds });
  await spoil(desk);
  await desk.log.close();
  return desk;
}

async function repair(desk: BackupDesk, from?: string, dropLost = false): Promise<RepairReport> {
  await using opened = from === undefined ? undefined : await folderSource(from, 'main');
  return repairLog({ dir: desk.dir, name: 'main', source: opened?.source, dropLost, nowMs: 0 });
}

async function reopened({ dir }: BackupDesk): Promise<Log> {
  const log = await openLog({ dir, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  return log;
}

const idRow = ({ log }: BackupDesk, id: string): Uint8Array =>
  eventIdKey(log.events?.ids.keyOf(id, undefined) ?? new Uint8Array(32));

/** Writes into the slot of a leaf's seed. */
async function rotSeed({ dir }: BackupDesk, index: number): Promise<void> {
  await using file = await open(join(logPaths(dir, 'main').root, 'seeds'), 'r+');
  await file.write(Buffer.alloc(32, 7), 0, 32, 4_096 + 32 * index);
}

/** Puts in the place of a record another one that opens. */
async function swapRecord({ dir, log, change }: BackupDesk): Promise<void> {
  const [run] = await SeedFile.runs(join(logPaths(dir, 'main').root, 'seeds'), 1, 2);
  const key = encryptionKey(nodeEventHasher, run?.seeds ?? new Uint8Array(32));
  const sealing = { key, nonce: new Uint8Array(12), place: placeOf(log.origin, 1) };
  await change(rawKey(1), () => sealBytes(sealing, Buffer.from('another')));
}

async function rotBlob({ dir }: BackupDesk): Promise<void> {
  const folder = join(logPaths(dir, 'main').root, 'raw');
  for (const name of await readdir(folder)) await truncate(join(folder, name), 100);
}

describe('REPAIR-6 what is stored of events', () => {
  test.each<readonly [string, (desk: BackupDesk) => Promise<void>]>([
    ['an id that is gone', (desk) => desk.drop(idRow(desk, 'small'))],
    ['an id that rotted', (desk) => desk.rot(idRow(desk, 'small'))],
    [
      'an id that names another event',
      (desk) => desk.change(idRow(desk, 'small'), () => encodeIndex(leafIndex(2))),
    ],
  ])('%s is made again without a source', async (_, spoil) => {
    const desk = await spoiled({ withSeeds: false }, spoil);
    expect(await repair(desk)).toMatchObject({ clean: true, repaired: { count: 1 } });
    const log = await reopened(desk);
    expect(await log.events?.find('small', undefined)).toBe(1);
    expect((await log.events?.append({ events: [eventOf(log, 'small', SMALL)] }))?.isNew).toEqual([false]);
  });

  test.each<readonly [string, boolean, (desk: BackupDesk) => Promise<void>, readonly string[]]>([
    ['a payload that rotted', false, (desk) => desk.rot(payloadKey(0), 40), ['payload 0']],
    ['a payload that is gone', false, (desk) => desk.drop(payloadKey(1)), ['payload 1']],
    [
      'one that does not open',
      false,
      (desk) => desk.change(payloadKey(2), (row) => flipped(row, 60)),
      ['payload 2'],
    ],
    ['a record in a row', false, (desk) => desk.rot(rawKey(1), 9), ['raw 1']],
    ['a record that is gone without a trace', false, (desk) => desk.drop(rawKey(1)), ['raw 1']],
    ['a record that opens and is another', false, swapRecord, ['raw 1']],
    ['a record in a file', false, rotBlob, ['raw 2']],
    ['the name of a file', false, (desk) => desk.rot(blobKey(2)), ['raw 2']],
    ['a retry key that rotted', false, (desk) => desk.rot(eventRetryKey(RETRY)), ['event-retry']],
    ['a retry key that is gone', false, (desk) => desk.drop(eventRetryKey(RETRY)), ['event-retry']],
    ['a seed', true, (desk) => rotSeed(desk, 0), ['seed 0']],
    [
      'payload, record and seed',
      true,
      async (desk) => {
        await desk.rot(payloadKey(1), 40);
        await desk.drop(rawKey(1));
        await rotSeed(desk, 1);
      },
      ['seed 1', 'payload 1', 'raw 1'],
    ],
    [
      'all seeds',
      true,
      ({ dir }) => rm(join(logPaths(dir, 'main').root, 'seeds')),
      ['seed 0', 'seed 1', 'seed 2', 'seed 3'],
    ],
  ])('%s comes from a backup', async (_, withSeeds, spoil, names) => {
    const desk = await spoiled({ withSeeds }, spoil);
    const report = await repair(desk, desk.folder);
    expect(report).toMatchObject({ clean: true, damaged: { count: 0 }, lost: { count: 0 } });
    for (const name of names) expect(report.repaired.names.join('\n')).toContain(name);
    const log = await reopened(desk);
    expect(await readAll(log, SIZE)).toEqual(WHOLE);
    expect(await log.events?.append(keyed(log))).toMatchObject({ indexes: [SIZE], isNew: [false] });
    expect((await log.events?.append({ events: [eventOf(log, 'fresh')] }))?.indexes).toEqual([SIZE + 1]);
  });

  test('is not taken where it is not what the leaf commits to', async () => {
    const desk = await spoiled({ withSeeds: true }, (rotting) => rotting.rot(payloadKey(0), 40));
    const other = await spoiled({ withSeeds: true }, async () => undefined);
    // Payloads and seeds of another log that fit each other, in a backup that is whole.
    const logOf = (folder: string) => join(folder, 'logs/main');
    for (const part of ['payloads', 'seeds', 'events', 'backup.json'])
      await cp(join(logOf(other.folder), part), join(logOf(desk.folder), part), { recursive: true });
    const report = await repair(desk, desk.folder);
    expect(report).toMatchObject({ clean: false, repaired: { count: 0 }, damaged: { count: 1 } });
    expect(await readAll(await reopened(desk), SIZE)).toEqual(['storage_corrupt', ...WHOLE.slice(1)]);
  });

  test('of a log that was restored without seeds is opened by those of a later backup', async () => {
    const desk = await spoiled({ withSeeds: false }, async () => undefined);
    const { dir } = await desk.restore({ keys: await desk.keys() });
    const log = await openLog({ dir, clock: systemClock }, 'main');
    expect(await readAll(log, SIZE)).toEqual(EVENTS.map(() => 'payload_unavailable'));
    await log.events?.append({ events: [eventOf(log, 'since')] });
    await log.close();
    await using from = await folderSource(desk.dir.dataPath, 'main');
    const job = { dir, name: 'main', source: from.source, dropLost: false, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: true, repaired: { count: 4 } });
    expect(await repairLog(job)).toMatchObject({ clean: true, repaired: { count: 0 } });
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(await readAll(opened, SIZE + 2)).toEqual([...WHOLE, ['keyed'], ['since']]);
  });

  test('ids and retry keys that nobody has are given up where that is asked for', async () => {
    const desk = await spoiled({ withSeeds: false }, async (rotting) => {
      await rotting.rot(eventRetryKey(RETRY));
      await rotting.put(
        idRow(rotting, 'nobody'),
        sealValue(idRow(rotting, 'nobody'), encodeIndex(leafIndex(0))),
      );
    });
    expect(await repair(desk)).toMatchObject({ clean: false, damaged: { count: 2 } });
    expect(await repair(desk, undefined, true)).toMatchObject({ clean: true, dropped: { count: 2 } });
    const log = await reopened(desk);
    expect((await log.events?.append({ events: [eventOf(log, 'nobody')] }))?.isNew).toEqual([true]);
  });
});
