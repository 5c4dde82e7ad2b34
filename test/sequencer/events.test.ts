import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkEvent } from '../../src/core/event/event.ts';
import { decodeLeaf } from '../../src/core/event/leaf.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { createEventFiles, eventPaths } from '../../src/events/event-files.ts';
import { encryptionKey } from '../../src/events/event-keys.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { placeOf, sealBytes } from '../../src/events/sealed-bytes.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { removeUnnamed } from '../../src/sequencer/event-parts.ts';
import type { AppendResult, EventLog } from '../../src/sequencer/log.ts';
import { logOnFiles, type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { blobKey, encodePayload, payloadKey, rawKey } from '../../src/store/event-rows.ts';
import { flipped, type RottingLog, rottingLog } from '../support/rotting-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

type Opened = OpenLog & { readonly events: EventLog };

async function opened(dir: DataDirectory, clock: Clock = systemClock): Promise<Opened> {
  const log = await openLog({ dir, clock }, 'main');
  onTestFinished(() => log.close());
  return log as Opened;
}

function event({ events }: Opened, id: string, content?: Uint8Array): NewEvent {
  const raw = {
    format: 'f',
    media_type: 'm',
    sha256: '3UJ4jtkbUbr6yhnQ8HbDRQPlv4Zze3mmCtNfKyLtCmo=',
    size: 1,
  };
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    actor: { type: 'user', id: 'secret-person' },
    ...(content === undefined ? {} : { raw }),
  };
  const checked = checkEvent(value, '');
  return { ...checked, sent: checked.text, idKey: events.ids.keyOf(id, undefined), hasId: true, content };
}

const add = (log: Opened, ...ids: string[]): Promise<AppendResult> =>
  log.events.append({ events: ids.map((id) => event(log, id)) });
const pathsOf = ({ dataPath }: DataDirectory) => eventPaths(join(dataPath, 'logs/main'));

describe('EVENT-17 received times', () => {
  test('never decrease, whatever the clock does, also over a restart', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    let nowMs = 5_000;
    const clock = { ...systemClock, nowMs: () => nowMs };
    const first = await opened(dir, clock);
    await add(first, 'a');
    nowMs = 4_000;
    await add(first, 'b');
    await first.close();
    nowMs = 1_000;
    const log = await opened(dir, clock);
    await add(log, 'c');
    nowMs = 6_000;
    await add(log, 'd');
    const entries = await log.readEntries(leafIndex(0), treeSize(4));
    expect(entries.map((entry) => decodeLeaf(entry).receivedMs)).toEqual([5_000, 5_000, 5_000, 6_000]);
  });
});

describe('EVENT-18 events over restarts', () => {
  test('are read and known again, across many bundles', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const first = await opened(dir);
    const ids = Array.from({ length: 700 }, (_, i) => `e${i}`);
    await add(first, ...ids.slice(0, 300));
    await add(first, ...ids.slice(300));
    await first.close();
    const log = await opened(dir);
    for (const at of [0, 255, 256, 299, 300, 699])
      expect((await log.events.read(leafIndex(at))).event.id).toBe(`e${at}`);
    expect(await log.events.find('e299', undefined)).toBe(299);
    const again = await add(log, 'e5', 'fresh', 'e699');
    expect([again.indexes, again.isNew]).toEqual([
      [5, 700, 699],
      [false, true, false],
    ]);
  });

  test('a retry key is kept though all events of its request were known', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const first = await opened(dir);
    await add(first, 'a');
    const retryKey = new Uint8Array(32).fill(1);
    const known = await first.events.append({ events: [event(first, 'a')], retryKey });
    expect([known.indexes, known.isNew, first.head.size]).toEqual([[0], [false], 1]);
    await first.close();
    const log = await opened(dir);
    const other = log.events.append({ events: [event(log, 'b')], retryKey });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('nothing on the disk but the seeds tells what they hold', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const log = await opened(dir);
    await log.events.append({ events: [event(log, 'the-id', Buffer.from('a')), event(log, 'b')] });
    await log.close();
    await (await opened(dir)).close();
    const root = join(dir.dataPath, 'logs/main');
    for (const name of await readdir(root, { recursive: true })) {
      const bytes = await readFile(join(root, name)).catch(() => Buffer.alloc(0));
      for (const secret of ['secret-person', 'the-id', 'a.b']) expect(bytes.includes(secret)).toBe(false);
    }
  });

  test('a file that no row names is removed at the start, others stay', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const first = await opened(dir);
    const { raw } = pathsOf(dir);
    await first.events.append({ events: [event(first, 'a', new Uint8Array(70_000))] });
    await first.close();
    const [named = ''] = await readdir(raw);
    await writeFile(join(raw, 'f'.repeat(32)), 'left by a commit that was lost');
    await opened(dir);
    expect(await readdir(raw)).toEqual([named]);
  });

  test.each<[string, (rotting: RottingLog) => Promise<void>]>([
    ['fails its check', ({ rot }) => rot(blobKey(0))],
    ['has another form', ({ change }) => change(blobKey(0), (name) => name.subarray(1))],
  ])('where a row that names a file %s no file is removed, and all else is read', async (_, spoil) => {
    const first = await rottingLog({ kind: 'events' });
    const log = first.log as OpenLog as Opened;
    const events = ['a', 'b'].map((id) => event(log, id, new Uint8Array(70_000)));
    await log.events.append({ events });
    await spoil(first);
    await log.close();
    const { raw } = pathsOf(first.dir);
    const files = (await readdir(raw)).sort();
    const second = await rottingLog({ dir: first.dir });
    const next = second.log as OpenLog as Opened;
    expect(next.findings).toMatchObject([{ part: 'raw', index: 0 }]);
    expect((await next.events.read(leafIndex(1))).event.id).toBe('b');
    await expect(add(next, 'c')).rejects.toMatchObject({ code: 'log_damaged' });
    // As long as the finding is open it stays so, also where rows are gone.
    for (const index of [0, 1]) await second.drop(blobKey(index));
    await next.close();
    await (await opened(first.dir)).close();
    expect([files.length, (await readdir(raw)).sort()]).toEqual([2, files]);
  });

  test.each(['seeds', 'idSecret'] as const)('without the file %s the start is refused', async (name) => {
    const dir = await newDataDirectory({ kind: 'events' });
    await (await opened(dir)).close();
    await rm(pathsOf(dir)[name]);
    await expect(opened(dir)).rejects.toMatchObject({ code: 'data_damaged' });
  });

  test('without the seeds of before: proven, not readable, known again, and new ones are readable', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const first = await opened(dir);
    await add(first, 'a', 'b');
    await first.close();
    const { seeds, idSecret } = pathsOf(dir);
    const secret = Buffer.from((await readFile(idSecret, 'utf8')).trim(), 'hex');
    await rm(seeds);
    await createEventFiles(join(dir.dataPath, 'logs/main'), { gapEnd: 2, secret });
    const log = await opened(dir);
    await expect(log.events.read(leafIndex(1))).rejects.toMatchObject({ code: 'payload_unavailable' });
    const added = await add(log, 'b', 'c');
    expect([added.indexes, added.isNew]).toEqual([
      [1, 2],
      [false, true],
    ]);
    expect((await log.events.read(leafIndex(2))).event.id).toBe('c');
    expect([log.findings, log.status().acceptsEntries]).toEqual([[], true]);
  });
});

describe('EVENT-18 what the tree denies is not given out', () => {
  /** A log of three events. */
  async function three(): Promise<Omit<RottingLog, 'log'> & { readonly log: Opened }> {
    const rotting = await rottingLog({ kind: 'events' });
    const log = rotting.log as OpenLog as Opened;
    await log.events.append({ events: ['a', 'b', 'c'].map((id) => event(log, id, Buffer.from('a'))) });
    return { ...rotting, log };
  }

  test.each<[string, (rotting: Omit<RottingLog, 'log'>) => Promise<void>]>([
    ['is gone', ({ drop }) => drop(payloadKey(1))],
    [
      'is that of another event',
      async ({ change, raw }) => {
        const other = raw(payloadKey(0))?.slice(0, -4) ?? new Uint8Array(0);
        await change(payloadKey(1), () => other);
      },
    ],
    ['has another bit', ({ change }) => change(payloadKey(1), (value) => flipped(value, 50))],
    ['is empty', ({ change }) => change(payloadKey(1), () => new Uint8Array(0))],
    ['fails its check', ({ rot }) => rot(payloadKey(1), 50)],
  ])('a payload row that %s', async (_, spoil) => {
    const rotting = await three();
    const { log } = rotting;
    await spoil(rotting);
    await expect(log.events.read(leafIndex(1))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'payload', index: 1 }]);
    expect((await log.events.read(leafIndex(2))).event.id).toBe('c');
    await expect(add(log, 'd')).rejects.toMatchObject({ code: 'log_damaged' });
  });

  test('verbatim bytes with another bit', async () => {
    const { log, change } = await three();
    await change(rawKey(1), (value) => flipped(value, 13));
    await expect(log.events.readRaw(leafIndex(1))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'raw', index: 1 }]);
  });

  /** What is encrypted as it should be, under the right secret, and says something else. */
  async function sealedAs(log: Opened, index: number, plain: Uint8Array): Promise<Uint8Array> {
    const { seed } = await log.events.read(leafIndex(index));
    const key = encryptionKey(nodeEventHasher, seed);
    return sealBytes({ key, nonce: new Uint8Array(12), place: placeOf(log.origin, index) }, plain);
  }

  test('a payload that opens and is not what the leaf commits to', async () => {
    const { log, change } = await three();
    const other = Buffer.from(JSON.stringify((await log.events.read(leafIndex(0))).event));
    const sealed = await sealedAs(log, 1, other);
    await change(payloadKey(1), () => encodePayload({ sameMac: new Uint8Array(32), sealed }));
    await expect(log.events.read(leafIndex(1))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'payload', index: 1 }]);
  });

  test('verbatim bytes that open and are not what the event describes', async () => {
    const { log, change } = await three();
    const sealed = await sealedAs(log, 1, Buffer.from('b'));
    await change(rawKey(1), () => sealed);
    await expect(log.events.readRaw(leafIndex(1))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'raw', index: 1 }]);
  });

  test('there are no verbatim bytes of an event that describes none', async () => {
    const { log } = await three();
    await add(log, 'plain');
    expect(await log.events.readRaw(leafIndex(3))).toBeUndefined();
  });

  test('there are none of an event that describes some which never came', async () => {
    const { log } = await three();
    await log.events.append({ events: [{ ...event(log, 'late', new Uint8Array(1)), content: undefined }] });
    expect(await log.events.readRaw(leafIndex(3))).toBeUndefined();
    expect(await log.events.hasRaw(leafIndex(3))).toBe(false);
    expect((await log.events.read(leafIndex(3))).event.raw?.size).toBe(1);
  });

  test('verbatim bytes in a file that is not the one of the event', async () => {
    const { log } = await three();
    // The description is that of another byte; HTTP would have refused it (EVENT-14).
    await log.events.append({ events: [event(log, 'big', new Uint8Array(70_000))] });
    await expect(log.events.readRaw(leafIndex(3))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'raw', index: 3 }]);
  });
});

test('SCRUB-4 a bug met while files of verbatim bytes are looked through is no damage', async () => {
  const bug = new RangeError('ours');
  const iterate = (): never => {
    throw bug;
  };
  await expect(removeUnnamed({ iterate }, { blobs: { keepOnly: iterate } as never })).rejects.toBe(bug);
});

describe('EVENT-18 what the disk says of files of events', () => {
  /** A log with one event whose verbatim bytes lie in a file, and the path of that file. */
  async function withFile() {
    const dir = await newDataDirectory({ kind: 'events' });
    const log = await opened(dir);
    await log.events.append({ events: [event(log, 'a', new Uint8Array(70_000))] });
    const { raw } = pathsOf(dir);
    const [name = ''] = await readdir(raw);
    return { log, raw, file: join(raw, name) };
  }

  test('verbatim bytes that it does not take end the log as a write that failed, and nothing is added', async () => {
    const { log, raw } = await withFile();
    await rm(raw, { recursive: true });
    await writeFile(raw, 'no folder');
    const late = { events: [event(log, 'b', new Uint8Array(70_000))] };
    await expect(log.events.append(late)).rejects.toMatchObject({ code: 'commit_unknown' });
    expect([(await log.failed).code, log.head.size]).toEqual(['commit_unknown', 1]);
  });

  test('verbatim bytes that it does not give are no damage, and the log goes on', async () => {
    const { log, file } = await withFile();
    await rm(file);
    await symlink(basename(file), file);
    await expect(log.events.readRaw(leafIndex(0))).rejects.toMatchObject({ code: 'storage_unreadable' });
    expect((await add(log, 'b')).indexes).toEqual([1]);
    expect(log.findings).toEqual([]);
  });

  test('a file that is gone is a finding of the row that names it', async () => {
    const { log, file } = await withFile();
    await rm(file);
    await expect(log.events.readRaw(leafIndex(0))).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(log.findings).toMatchObject([{ part: 'raw', index: 0 }]);
  });

  test('an id secret that it does not give is not said to be gone', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const { idSecret } = pathsOf(dir);
    await rm(idSecret);
    await symlink('id-secret', idSecret);
    await expect(opened(dir)).rejects.toMatchObject({ code: 'storage_unreadable' });
  });
});

describe('EVENT-18 a seed is durable before a leaf that needs it', () => {
  test('where seeds cannot be made nothing is committed, and the log ends', async () => {
    const dir = await newDataDirectory({ kind: 'events' });
    const deps = await logOnFiles({ dir, clock: systemClock }, 'main');
    const order: string[] = [];
    const log = await startLog({
      ...deps,
      openStore: async () => {
        const store = await deps.openStore();
        const commit = store.commit.bind(store);
        return Object.assign(store, {
          commit: (batch: Parameters<typeof commit>[0]) => {
            if (batch.puts.length > 1) order.push('rows');
            return commit(batch);
          },
        });
      },
      openEvents: async (size) => {
        const keeping = await deps.openEvents?.(size);
        if (keeping === undefined) throw new TypeError('no events');
        const { seeds, blobs } = keeping;
        const ensure = async (end: number): Promise<void> => {
          if (end > 2) throw new Error('EIO');
          await seeds.ensure(end);
          order.push('seeds');
        };
        const kept = {
          ...blobs,
          write: async () => void order.push('blob'),
          keepOnly: async () => undefined,
        };
        const faulty = { has: () => true, ensure, read: seeds.read.bind(seeds), close: () => seeds.close() };
        return { ...keeping, seeds: faulty, blobs: { ...kept, read: async () => new Uint8Array(0) } };
      },
    });
    onTestFinished(() => log.close());
    const made = log as Opened;
    await made.events.append({ events: [event(made, 'a', new Uint8Array(70_000))] });
    expect(order).toEqual(['seeds', 'blob', 'rows']);
    await expect(add(made, 'b', 'c')).rejects.toMatchObject({ code: 'commit_unknown' });
    expect([order, made.head.size]).toEqual([['seeds', 'blob', 'rows'], 1]);
    expect((await log.failed).code).toBe('internal');
  });
});
