import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { portableEventHasher } from '../../src/core/event/commitment.ts';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { IdHasher } from '../../src/events/event-keys.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { SealerHere } from '../../src/events/sealer.ts';
import { eventsIn, packSealed, type SealingThread } from '../../src/events/sealer-beside.ts';
import type { SealQuestion } from '../../src/events/sealing-thread.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { EntryPlacer } from '../../src/sequencer/entry-placer.ts';
import { EventPlacer } from '../../src/sequencer/event-placer.ts';
import { EventReader } from '../../src/sequencer/event-reader.ts';
import type { EventLog, EventRequest } from '../../src/sequencer/log.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import type { PendingRequest } from '../../src/sequencer/pending-queue.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { payloadKey } from '../../src/store/event-rows.ts';
import { encodeIndex } from '../../src/store/rows.ts';
import { rottingLog } from '../support/rotting-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

const RAW = { format: 'f', media_type: 'm', sha256: '3UJ4jtkbUbr6yhnQ8HbDRQPlv4Zze3mmCtNfKyLtCmo=', size: 1 };

/** An event that describes verbatim bytes which are not sent along. */
function event(events: EventLog, id: string): NewEvent {
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    ...{ actor: { type: 'user', id: 'u' }, raw: RAW },
  };
  const checked = checkEvent(value, '');
  return {
    ...checked,
    sent: checked.text,
    idKey: events.ids.keyOf(id, undefined),
    hasId: true,
    content: undefined,
  };
}

async function eventLog() {
  const rotting = await rottingLog({ kind: 'events' });
  const { events } = rotting.log;
  if (events === undefined) throw new TypeError('a log of entries');
  return { ...rotting, events };
}

describe('EVENT-18 what is told from rows', () => {
  test('a repeat of an event whose payload is gone is refused, and a finding of its row', async () => {
    const { events, log, drop } = await eventLog();
    await events.append({ events: [event(events, 'a')] });
    await drop(payloadKey(0));
    await expect(events.append({ events: [event(events, 'a')] })).rejects.toMatchObject({
      code: 'log_damaged',
    });
    expect(log.findings).toMatchObject([{ part: 'payload', index: 0, foundBy: 'append' }]);
    expect(log.head.size).toBe(1);
  });

  test('an id is not there before a head covers its event', async () => {
    const never = (): never => {
      throw new TypeError('not asked for');
    };
    const row = encodeIndex(leafIndex(5));
    let size = 5;
    const reader = new EventReader({
      ...{ origin: 'o', hasher: nodeEventHasher, ids: new IdHasher(new Uint8Array(32)) },
      ...{ seeds: { has: never, read: never }, blobs: { read: never }, reader: { readEntries: never } },
      ...{ store: { get: () => row }, size: () => size },
    });
    expect(await reader.find('a', undefined)).toBeUndefined();
    size = 6;
    expect(await reader.find('a', undefined)).toBe(5);
  });

  test('verbatim bytes that were never sent are not there', async () => {
    const { events } = await eventLog();
    await events.append({ events: [event(events, 'a')] });
    expect(await events.readRaw(leafIndex(0))).toBeUndefined();
  });
});

const pendingOf = (request: PendingRequest['request']): PendingRequest => ({
  ...{ request, leafHashes: [], entries: 0, bytes: 0, enqueuedAtMs: 0 },
  resolve: () => undefined,
  reject: () => undefined,
});

describe('SEQ-12 many events are sealed beside the sequencer', () => {
  /** A log that has this for a thread. */
  async function logBeside(ask: SealingThread['ask']) {
    const dir = await newDataDirectory({ kind: 'events' });
    const sealing = { ask };
    const log = await startLog(await logOnFiles({ dir, clock: systemClock, sealing }, 'main'));
    onTestFinished(() => log.close());
    if (log.events === undefined) throw new TypeError('a log of entries');
    return { log, events: log.events };
  }
  const many = (events: EventLog): EventRequest => ({
    events: [{ ...event(events, 'a'), content: new Uint8Array(64 * 1024) }, event(events, 'b')],
  });

  test('and written as they come back, once their seeds are durable', async () => {
    const asked: SealQuestion[] = [];
    const { log, events } = await logBeside(async ({ value }) => {
      asked.push(value);
      const { origin, publicLabels, ...places } = value;
      const deps = { hasher: nodeEventHasher, random: systemRandom, origin, publicLabels };
      return packSealed(await new SealerHere(deps, systemClock).seal(eventsIn(value), places)).value;
    });
    await events.append({ events: [event(events, 'few')] });
    const { indexes, isNew } = await events.append(many(events));
    expect([indexes, isNew, asked.length, asked[0]?.start]).toEqual([[1, 2], [true, true], 1, 1]);
    expect(await events.read(leafIndex(2))).toMatchObject({ event: { id: 'b' }, index: 2 });
    expect((await events.append(many(events))).isNew).toEqual([false, false]);
    expect(log.head.size).toBe(3);
  });

  test('and a thread that has ended ends the log, before anything is written', async () => {
    const ended = new TlogError('internal', 'the thread has ended');
    const { log, events } = await logBeside(async () => Promise.reject(ended));
    await expect(events.append(many(events))).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(await log.failed).toBe(ended);
    expect(log.head.size).toBe(0);
  });
});

describe('SEQ-12 repeats of events are compared in turns', () => {
  /** The turns that a placer takes to know events by their ids, or by a retry key. */
  async function turnsToKnow(count: number, retryKey?: Uint8Array): Promise<number> {
    const { events } = await eventLog();
    const dir = await newDataDirectory({ kind: 'events' });
    let turns = 0;
    const nextTurn = async (): Promise<void> => {
      turns += 1;
      await systemClock.nextTurn();
    };
    const log = await startLog(await logOnFiles({ dir, clock: { ...systemClock, nextTurn } }, 'main'));
    onTestFinished(() => log.close());
    const sent = Array.from({ length: count }, (_, i) => ({
      ...event(events, `e${i}`),
      hasId: retryKey === undefined,
    }));
    const request = { events: sent, ...(retryKey === undefined ? {} : { retryKey }) };
    await log.events?.append(request);
    turns = 0;
    const again = await log.events?.append(request);
    expect([again?.isNew.includes(true), log.head.size]).toEqual([false, count]);
    return turns;
  }

  test.each([
    ['1,023 by their ids', 1_023, undefined, 0],
    ['1,024', 1_024, undefined, 1],
    ['2,048', 2_048, undefined, 2],
    ['2,048 by the key of their request', 2_048, new Uint8Array(32), 2],
  ])('%s', async (_, count, retryKey, turns) => {
    // One more to see who else is there.
    expect(await turnsToKnow(count, retryKey)).toBe(turns + 1);
  });
});

describe('SEQ-12 of known events few rows are in memory at once', () => {
  /** A log, and how many rows of payloads were asked for at a time. */
  async function asking() {
    const deps = await logOnFiles(
      { dir: await newDataDirectory({ kind: 'events' }), clock: systemClock },
      'main',
    );
    const store = await deps.openStore();
    const getMany = vi.spyOn(store, 'getMany');
    const log = await startLog({ ...deps, openStore: async () => store });
    onTestFinished(() => log.close());
    if (log.events === undefined) throw new TypeError('a log of entries');
    const letter = payloadKey(0)[0];
    const asked = (): number[] =>
      getMany.mock.calls.filter(([keys]) => keys[0]?.[0] === letter).map(([keys]) => keys.length);
    return { events: log.events, asked };
  }
  const manyOf = (events: EventLog, count: number): NewEvent[] =>
    Array.from({ length: count }, (_, i) => event(events, `e${i}`));

  test('64 of 200 that are sent again', async () => {
    const { events, asked } = await asking();
    await events.append({ events: manyOf(events, 200) });
    expect((await events.append({ events: manyOf(events, 200) })).isNew).not.toContain(true);
    expect(asked()).toEqual([64, 64, 64, 8]);
  });

  test('none of those that a key of other requests stands for', async () => {
    const { events, asked } = await asking();
    const retryKey = new Uint8Array(32);
    const sent = (count: number): EventRequest => ({
      events: manyOf(events, count).map((one) => ({ ...one, hasId: false })),
      retryKey,
    });
    await events.append(sent(3));
    await expect(events.append(sent(1))).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    expect(asked()).toEqual([]);
  });
});

describe('SEQ-4 what a log is not for is a bug of ours', () => {
  const store = { getMany: () => [] };

  test('entries in a log of events', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const keeping = await (await logOnFiles({ dir, clock: systemClock }, 'main')).openEvents?.(treeSize(0));
    if (keeping === undefined) throw new TypeError('a log of entries');
    onTestFinished(() => keeping.seeds.close());
    const sealer = { seal: async () => [] };
    const placer = new EventPlacer(
      { ...keeping, hasher: portableEventHasher, store, sealer, clock: systemClock },
      0,
    );
    await expect(placer.place(0, [pendingOf({ entries: [] })], 0)).rejects.toThrow(TypeError);
  });

  test('events in a log of entries', async () => {
    const placer = new EntryPlacer({
      store,
      duplicates: 'key',
      leafHashIndex: true,
      findLeaf: () => undefined,
      clock: systemClock,
    });
    await expect(placer.place(0, [pendingOf({ events: [] })])).rejects.toThrow(TypeError);
  });

  test('a log of events without a place for its secrets does not start', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const { openEvents: _, ...deps } = await logOnFiles({ dir, clock: systemClock }, 'main');
    await expect(startLog(deps)).rejects.toThrow(TypeError);
    const log = await startLog(await logOnFiles({ dir, clock: systemClock }, 'main'));
    onTestFinished(() => log.close());
    expect(log.head.size).toBe(0);
  });
});
