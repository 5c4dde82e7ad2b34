import { describe, expect, onTestFinished, test } from 'vitest';
import { encodeLeaf } from '../../src/core/event/leaf.ts';
import { startServer } from '../../src/http/server.ts';
import { newServer } from '../http/new-server.ts';
import { testSigner } from '../support/growing-log.ts';
import { type MonitorDesk, monitorMemory, openDesk } from '../support/monitor-desk.ts';
import { History, TileLog } from '../support/tile-log.ts';

const ORIGIN = 'log.example/main';
const log = new TileLog(testSigner(ORIGIN));
const LEAF_MS = 1_795_000_000_000;

describe('MONITOR-11 a log of events, by a monitor without a token', () => {
  test('is followed and verified whole, though its events are for others', async () => {
    const made = await newServer({ kind: 'events' });
    const server = await startServer(made.app, { hostname: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close());
    const url = `http://127.0.0.1:${server.port}/logs/main`;
    const headers: unknown[] = [];
    const trust = { vkey: made.log.vkeys[0] ?? '' };
    const desk = await openDesk({ origin: made.log.origin, trust, events: true }, (asked, init) => {
      headers.push(new Headers(init.headers).get('authorization'));
      return fetch(asked.replace('http://log.example', url), init);
    });
    for (const [count, size] of [
      [3, 3],
      [260, 263],
    ] as const) {
      const event = { action: 'a.b', time: '2026-11-18T11:06:40Z', outcome: 'success' };
      const events = Array.from({ length: count }, (_, i) => ({
        ...event,
        actor: { type: 'user', id: `${size}-${i}` },
      }));
      const body = JSON.stringify(events);
      expect((await made.post('events', body, { 'content-type': 'application/json' })).status).toBe(201);
      expect(await desk.round()).toEqual([]);
      expect(desk.monitor.status()[0]).toMatchObject({ size, rootHash: made.log.head.rootHash });
    }
    expect((await fetch(`${url}/events/0`)).status).toBe(401);
    expect(new Set(headers)).toEqual(new Set([null]));
  });
});

/** A leaf of this moment, or an entry that is none. */
const entryOf = (receivedMs: number): Uint8Array =>
  Number.isNaN(receivedMs)
    ? new TextEncoder().encode('no leaf')
    : encodeLeaf({
        ...{ type: 0, receivedMs: LEAF_MS + receivedMs },
        commitment: new Uint8Array(32).fill(receivedMs),
      });

/** Moments of 600 entries, a second from one to the next, but for those named. */
const times = (other: Readonly<Record<number, number>> = {}): readonly number[] =>
  Array.from({ length: 600 }, (_, i) => other[i] ?? i * 1_000);

interface Look {
  readonly size: number;
  readonly said: readonly (number | undefined)[];
}

/** Looks at the log in several sizes, each by a new process. */
async function looks(received: readonly number[], sizes: readonly number[], events = true): Promise<Look[]> {
  const history = new History(received.map(entryOf));
  const memory = monitorMemory();
  const all: Look[] = [];
  for (const size of sizes) {
    const settings = { origin: ORIGIN, trust: { vkey: log.signer.vkey }, events };
    const desk = await openDesk(settings, (url) => log.answer({ history, size }, url), memory);
    const found = await desk.round();
    expect(found.every(({ kind }) => kind === 'bad_event')).toBe(true);
    expect(desk.monitor.status()[0]?.size).toBe(size);
    all.push({ size, said: found.map(({ index }) => index) });
  }
  return all;
}

describe('MONITOR-11 EVENT-17 received times', () => {
  test.each<[string, Readonly<Record<number, number>>, readonly number[], readonly (readonly number[])[]]>([
    ['that grow', {}, [1, 255, 256, 600], [[], [], [], []]],
    ['that stand still', { 4: 3_000, 256: 255_000 }, [4, 256, 600], [[], [], []]],
    ['that go back', { 5: 3_999 }, [5, 6, 20], [[], [5], []]],
    ['that go back in one look, twice', { 5: 0, 7: 0 }, [600], [[5]]],
    ['that go back from one look to the next', { 10: 8_999 }, [10, 300], [[], [10]]],
    ['that go back from a full bundle to the next', { 256: 254_999 }, [256, 257], [[], [256]]],
    ['that went back before the last look', { 255: 0 }, [256, 512], [[255], []]],
    ['of an entry that is none', { 7: Number.NaN }, [600], [[7]]],
  ])('%s', async (_, other, sizes, said) => {
    expect(await looks(times(other), sizes)).toEqual(sizes.map((size, i) => ({ size, said: said[i] })));
  });

  test('are nobody’s where entries are any bytes', async () => {
    const said = await looks(times({ 5: 0, 6: Number.NaN }), [600], false);
    expect(said).toEqual([{ size: 600, said: [] }]);
  });

  test('are told of, with the number of entries that are wrong, before the head is taken', async () => {
    const history = new History(times({ 5: 0, 7: 0 }).map(entryOf));
    const settings = { origin: ORIGIN, trust: { vkey: log.signer.vkey }, events: true };
    const desk: MonitorDesk = await openDesk(settings, (url) => log.answer({ history, size: 20 }, url));
    const before: (number | undefined)[] = [];
    desk.reported.push = (...said) => {
      before.push(desk.monitor.status()[0]?.size);
      return Array.prototype.push.apply(desk.reported, said);
    };
    const [found] = await desk.round();
    expect(before).toEqual([undefined]);
    expect(found?.message).toMatch(/^entry 5, .* 4000 ms before .*, and 1 behind it/);
  });
});
