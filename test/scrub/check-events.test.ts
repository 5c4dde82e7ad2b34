import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkEvent } from '../../src/core/event/event.ts';
import { decodeLeaf, encodeLeaf } from '../../src/core/event/leaf.ts';
import { leafIndex } from '../../src/core/units.ts';
import { encryptionKey } from '../../src/events/event-keys.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { placeOf, sealBytes } from '../../src/events/sealed-bytes.ts';
import { SeedFile } from '../../src/events/seed-file.ts';
import { repairLog } from '../../src/repair/repair-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import { nodeHasher, sha256 } from '../../src/runtime/node-hasher.ts';
import { checkRows } from '../../src/scrub/check-directory.ts';
import { LogPass, newPass, type PassPosition } from '../../src/scrub/pass.ts';
import { type Damage, findingOf } from '../../src/sequencer/finding.ts';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import type { StoredLog } from '../../src/sequencer/stored-log.ts';
import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import {
  blobKey,
  encodeIndexes,
  encodePayload,
  eventIdKey,
  eventRetryKey,
  payloadKey,
  rawKey,
} from '../../src/store/event-rows.ts';
import { encodeIndex } from '../../src/store/rows.ts';
import { flipped, type RottingLog, rottingLog } from '../support/rotting-log.ts';

/** Crosses the end of a bundle: what is open is checked as well. */
const SIZE = 260;
const RETRY = new Uint8Array(32).fill(7);
const CONTENT = new Map([
  [3, Buffer.from('verbatim')],
  [258, Buffer.alloc(70_000, 1)],
]);

const idOf = (i: number): string => `event-${i}`;

function eventOf({ log }: RottingLog, i: number): NewEvent {
  const content = CONTENT.get(i);
  const raw = content && {
    raw: {
      ...{ format: 'text', media_type: 'text/plain', size: content.length },
      sha256: Buffer.from(sha256(content)).toString('base64'),
    },
  };
  const value = {
    ...{
      schema: 'audit-event/1',
      id: idOf(i),
      time: '2026-11-18T11:06:40Z',
      action: 'a.b',
      outcome: 'success',
    },
    ...{ actor: { type: 'user', id: 'u' }, ...raw },
  };
  const checked = checkEvent(value, '');
  const idKey = log.events?.ids.keyOf(idOf(i), undefined) ?? new Uint8Array(32);
  return { ...checked, sent: checked.text, idKey, hasId: true, content };
}

async function eventLog(clock = systemClock): Promise<RottingLog> {
  const rotting = await rottingLog({ kind: 'events', clock });
  const events = Array.from({ length: SIZE }, (_, i) => eventOf(rotting, i));
  await rotting.log.events?.append({ events, retryKey: RETRY });
  return rotting;
}

async function passOver(
  log: StoredLog,
  phase: PassPosition['phase'] = 'tiles',
): Promise<{ damages: Damage[]; end: PassPosition }> {
  const run = new LogPass(log, nodeHasher);
  const damages: Damage[] = [];
  for (let at = { ...newPass(log.tree().state.size, 0), phase }; ; ) {
    const step = await run.step(at);
    damages.push(...step.damages);
    if (step.isLast) return { damages, end: step.next };
    at = step.next;
  }
}

const foundBy = { log: 'main', by: 'scrub', atMs: 0 } as const;

describe('EVENT-19 the rows of events', () => {
  test('one of each sort that is damaged is found by a pass, and nothing else', async () => {
    const rotting = await eventLog();
    const { log, dir } = rotting;
    const stored = log.stored();
    const idKey = (i: number): Uint8Array =>
      eventIdKey(log.events?.ids.keyOf(idOf(i), undefined) ?? new Uint8Array(32));
    expect((await passOver(stored)).damages).toEqual([]);

    const value = (key: Uint8Array): Uint8Array => unsealValue(key, rotting.raw(key) ?? new Uint8Array(0));
    const name = Buffer.from(value(blobKey(258))).toString('hex');
    const file = `${dir.dataPath}/logs/main/raw/${name}`;
    const stray = eventIdKey(new Uint8Array(32).fill(5));
    const seed = stored.events?.seeds.read(33, 34) ?? new Uint8Array(32);
    const key = encryptionKey(nodeEventHasher, seed);
    const sealing = { key, nonce: new Uint8Array(12), place: placeOf(log.origin, 33) };
    const other = Buffer.from(eventOf(rotting, 34).text);
    const unlike = encodePayload({ sameMac: new Uint8Array(32), sealed: sealBytes(sealing, other) });
    const content = (key: Uint8Array, at: number) => () => rotting.change(key, (row) => flipped(row, at));
    const swap = (key: Uint8Array, by: Uint8Array) => () => rotting.change(key, () => by);
    const rows: [name: string, key: Uint8Array, spoil: () => Promise<void>, found: object][] = [
      ['payload, a bit', payloadKey(0), () => rotting.rot(payloadKey(0), 40), { part: 'payload', index: 0 }],
      ['payload, gone', payloadKey(31), () => rotting.drop(payloadKey(31)), { part: 'payload', index: 31 }],
      ['payload, sealed anew', payloadKey(32), content(payloadKey(32), 50), { part: 'payload', index: 32 }],
      [
        'payload, of another form',
        payloadKey(255),
        content(payloadKey(255), 0),
        { part: 'payload', index: 255 },
      ],
      [
        'payload of another event',
        payloadKey(259),
        swap(payloadKey(259), value(payloadKey(1))),
        { part: 'payload' },
      ],
      [
        'payload that opens and is not of its leaf',
        payloadKey(33),
        swap(payloadKey(33), unlike),
        { part: 'payload', index: 33 },
      ],
      ['verbatim bytes, a bit', rawKey(3), () => rotting.rot(rawKey(3), 9), { part: 'raw', index: 3 }],
      ['verbatim bytes, sealed anew', rawKey(3), content(rawKey(3), 15), { part: 'raw', index: 3 }],
      [
        'verbatim bytes, those of a payload',
        rawKey(3),
        swap(rawKey(3), value(payloadKey(3)).slice(33)),
        { part: 'raw' },
      ],
      ['a file, another name', blobKey(258), content(blobKey(258), 0), { part: 'raw', index: 258 }],
      ['an id, a bit', idKey(4), () => rotting.rot(idKey(4), 3), { part: 'event-id' }],
      ['an id, gone', idKey(257), () => rotting.drop(idKey(257)), { part: 'event-id' }],
      ['an id, of another length', idKey(5), swap(idKey(5), new Uint8Array(4)), { part: 'event-id' }],
      ['an id, another event', idKey(6), swap(idKey(6), encodeIndex(leafIndex(7))), { part: 'event-id' }],
      [
        'an id of no event',
        stray,
        () => rotting.put(stray, sealValue(stray, encodeIndex(leafIndex(8)))),
        { part: 'event-id' },
      ],
      [
        'a retry, a bit',
        eventRetryKey(RETRY),
        () => rotting.rot(eventRetryKey(RETRY)),
        { part: 'event-retry' },
      ],
      [
        'a retry, beyond the tree',
        eventRetryKey(RETRY),
        swap(eventRetryKey(RETRY), encodeIndexes([leafIndex(100_000)])),
        { part: 'event-retry' },
      ],
    ];
    for (const [what, key, spoil, found] of rows) {
      const before = rotting.raw(key);
      const kept = before && new Uint8Array(before);
      await spoil();
      const { damages } = await passOver(stored);
      await rotting.put(key, kept);
      const named = damages.map((damage) => findingOf(damage, foundBy));
      expect(named.length, what).toBeGreaterThan(0);
      expect(new Set(named.map(({ row }) => row)), what).toEqual(new Set([Buffer.from(key).toString('hex')]));
      expect(named[0], what).toMatchObject(found);
    }
    for (const spoil of [() => rm(file), () => writeFile(file, Buffer.alloc(70_028))]) {
      await spoil();
      const { damages } = await passOver(stored);
      expect(damages.map((damage) => findingOf(damage, foundBy))).toMatchObject([
        { part: 'raw', index: 258 },
      ]);
    }
  });

  test('a signed time that is before the one before it is found, and withholds nothing', async () => {
    const { log } = await eventLog();
    const tree = log.stored().tree();
    const earlier = (entry: Uint8Array, i: number): Uint8Array =>
      i === 0 || i === 2 ? encodeLeaf({ ...decodeLeaf(entry), receivedMs: 1 }) : entry;
    const openEntries = tree.state.openEntries.map(earlier);
    const stored = { ...log.stored(), tree: () => ({ ...tree, state: { ...tree.state, openEntries } }) };
    const { damages } = await passOver(stored, 'events');
    expect(damages.map(({ row, entry }) => [row, entry])).toEqual([
      [undefined, 256],
      [undefined, 258],
    ]);
  });

  test('fsck names the row of a stopped log, and repair closes no finding of it', async () => {
    const rotting = await eventLog();
    const { log, dir } = rotting;
    const difference = async (): Promise<object | undefined> => {
      await using inspected = await inspectLog(dir, 'main');
      return (await checkRows(dir, inspected)).difference;
    };
    await rotting.change(payloadKey(17), (row) => flipped(row, 60));
    log.stored().report({ row: payloadKey(17), message: 'a test says so' });
    await log.close();
    expect(await difference()).toMatchObject({ part: 'payload', index: 17 });
    const job = { dir, name: 'main', source: undefined, dropLost: true, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: false, damaged: { count: 1 } });
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(opened.findings).toMatchObject([{ part: 'payload', index: 17, foundBy: 'repair' }]);
  });

  test('a log without damage is clean to fsck and repair, as it is without some of its secrets', async () => {
    const { log, dir } = await eventLog();
    await log.close();
    const seeds = `${dir.dataPath}/logs/main/seeds`;
    const job = { dir, name: 'main', source: undefined, dropLost: false, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: true });
    await rm(seeds);
    await SeedFile.create(seeds, SIZE);
    const inspected = await inspectLog(dir, 'main');
    expect(await checkRows(dir, inspected)).toEqual({ eventsUnavailable: SIZE });
    await inspected[Symbol.asyncDispose]();
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    const { damages, end } = await passOver(opened.stored());
    expect(damages).toEqual([]);
    expect(end).toMatchObject({ eventsUnavailable: SIZE });
  });
});
