import { describe, expect, onTestFinished, test } from 'vitest';
import { portableEventHasher } from '../../src/core/event/commitment.ts';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { IdHasher } from '../../src/events/event-keys.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import { EntryPlacer } from '../../src/sequencer/entry-placer.ts';
import { EventPlacer } from '../../src/sequencer/event-placer.ts';
import { EventReader } from '../../src/sequencer/event-reader.ts';
import type { EventLog } from '../../src/sequencer/log.ts';
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

describe('SEQ-12 events are sealed in turns', () => {
  test.each([
    ['127 of them', 127, 0, 0],
    ['128', 128, 0, 1],
    ['300', 300, 0, 2],
    ['three with 600 KiB of verbatim bytes each', 3, 600 * 1024, 1],
  ])('%s', async (_, count, contentBytes, turns) => {
    const { events } = await eventLog();
    const dir = await newDataDirectory({ kind: 'events' });
    const keeping = await (await logOnFiles({ dir, clock: systemClock }, 'main')).openEvents?.(treeSize(0));
    if (keeping === undefined) throw new TypeError('a log of entries');
    onTestFinished(() => keeping.seeds.close());
    let taken = 0;
    const clock = {
      nextTurn: async () => {
        taken += 1;
      },
    };
    const facts = {
      hasher: nodeEventHasher,
      origin: 'o',
      publicLabels: [],
      store: { getMany: () => [] },
      clock,
    };
    const placer = new EventPlacer({ ...keeping, ...facts }, 0);
    const content = contentBytes === 0 ? undefined : new Uint8Array(contentBytes);
    const sent = Array.from({ length: count }, (_, i) => ({ ...event(events, `e${i}`), content }));
    const { leaves, rows } = await placer.place(0, [pendingOf({ events: sent })], 0);
    expect([leaves.length, rows?.length, taken]).toEqual([count, count * (content ? 3 : 2), turns]);
  });
});

describe('SEQ-4 what a log is not for is a bug of ours', () => {
  const store = { getMany: () => [] };

  test('entries in a log of events', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const keeping = await (await logOnFiles({ dir, clock: systemClock }, 'main')).openEvents?.(treeSize(0));
    if (keeping === undefined) throw new TypeError('a log of entries');
    onTestFinished(() => keeping.seeds.close());
    const facts = { hasher: portableEventHasher, origin: 'o', publicLabels: [], store, clock: systemClock };
    const placer = new EventPlacer({ ...keeping, ...facts }, 0);
    await expect(placer.place(0, [pendingOf({ entries: [] })], 0)).rejects.toThrow(TypeError);
  });

  test('events in a log of entries', async () => {
    const placer = new EntryPlacer({
      store,
      duplicates: 'key',
      leafHashIndex: true,
      findLeaf: () => undefined,
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
