import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Alert, type RaisedAlert, raisedAlert } from '../../src/alert/alert.ts';
import { Alerter, type AlerterOptions } from '../../src/alert/alerter.ts';
import { GIVEN_UP_MAX, OutboxFolder, type StoredAlert } from '../../src/alert/outbox-folder.ts';
import type { Sink } from '../../src/alert/sink.ts';
import {
  CRITICAL_WAITING_MAX,
  DELIVERY_MS,
  SinkQueue,
  type SinkQueueDeps,
  WAITING_MAX,
} from '../../src/alert/sink-queue.ts';
import { CAUSES_MAX } from '../../src/alert/told-alerts.ts';
import type { TlogError } from '../../src/core/error.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { latch } from '../support/latch.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { HandClock } from '../support/witness-desk.ts';

const alert = (log: string, size: number, kind: Alert['kind'] = 'fork'): Alert => ({
  ...{ kind, source: 'monitor', log, message: 'm', sizes: [size] },
});
const LONG_MS = 1e9;
const names = (taken: readonly RaisedAlert[]): string[] => taken.map(({ log, sizes }) => `${log} ${sizes}`);

/** A sink that takes what `refuses` does not refuse. */
class TestSink implements Sink {
  readonly name: string;
  readonly taken: RaisedAlert[] = [];
  refuses: (alert: RaisedAlert) => boolean;
  tries = 0;
  constructor(name = 's', refuses: (alert: RaisedAlert) => boolean = () => false) {
    this.name = name;
    this.refuses = refuses;
  }
  async deliver(raised: RaisedAlert): Promise<void> {
    this.tries += 1;
    await systemClock.nextTurn();
    if (this.refuses(raised)) throw new Error('refused');
    this.taken.push(raised);
  }
}

class EndSink extends TestSink {
  readonly takesEnds = true;
}

/** Time stands still while nobody moves it, and whoever sleeps waits for that. */
class StillClock extends HandClock {
  override async sleep(_: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal?.aborted === true) resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** Waits between tries pass at once; deadlines, which are known by their length, are not reached. */
class QuickClock extends StillClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms === DELIVERY_MS || ms === LONG_MS) return super.sleep(ms, signal);
    await systemClock.nextTurn();
    this.pass(ms);
  }
}

/** With it no wait between tries is as long as a deadline: 16 s less 1 s would be. */
const UNEVEN = (): number => Math.PI / 10;

async function opened(options: Partial<AlerterOptions> & { folder: string }): Promise<Alerter> {
  const alerter = await Alerter.open({ clock: new QuickClock(), random: UNEVEN, sinks: [], ...options });
  onTestFinished(() => alerter.close());
  return alerter;
}

const outbox = async (): Promise<string> => join(await tempFolder(), 'outbox');
const waiting = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, 's'))).filter((name) => name.endsWith('.json'));

const givenUp = async (folder: string): Promise<Alert[]> => {
  const path = join(folder, 's', 'given-up');
  const files = await readdir(path);
  return Promise.all(files.sort().map(async (file) => JSON.parse(await readFile(join(path, file), 'utf8'))));
};

describe('ALERT-3 at least once', () => {
  test('a sink that refuses is asked until it takes the alert', async () => {
    let left = 5;
    const sink = new TestSink('s', () => left-- > 0);
    const troubles: string[] = [];
    const folder = await outbox();
    const alerter = await opened({ folder, sinks: [sink], onTrouble: ({ code }) => troubles.push(code) });
    await alerter.raise(alert('a', 1));
    await alerter.drained(LONG_MS);
    expect([names(sink.taken), sink.tries]).toEqual([['a 1'], 6]);
    expect(troubles).toEqual(Array.from({ length: 5 }, () => 'not_delivered'));
    expect(alerter.status).toEqual([
      { name: 's', waiting: 0, overdue: 0, delivered: 1, failed: 5, givenUp: 0 },
    ]);
  });

  test('what was not delivered when the process ended is delivered by the next, under its id', async () => {
    const folder = await outbox();
    const dead = new TestSink('s', () => true);
    const first = await opened({ folder, sinks: [dead], clock: new StillClock() });
    await first.raise(alert('a', 1));
    await first.raise(alert('a', 2));
    await first.close();
    expect(await waiting(folder)).toHaveLength(2);
    const sink = new TestSink();
    const second = await opened({ folder, sinks: [sink] });
    await second.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 1', 'a 2']);
    await second.close();
    expect(await waiting(folder)).toEqual([]);
  });

  test('what a crash kept from one of two sinks goes to it, too, and once', async () => {
    const folder = await outbox();
    const [one, two] = [new TestSink('one', () => true), new TestSink('two')];
    const clock = new StillClock();
    const first = await opened({ folder, sinks: [one], clock });
    await first.raise(alert('a', 1));
    await first.close();
    // As a crash leaves it behind the first sink's file: the second has none, and the name is not kept.
    await rm(join(folder, 'told.json'));
    const second = await opened({ folder, sinks: [one, two], clock });
    expect(await second.raise(alert('a', 1))).toBe('repeated');
    while (two.taken.length === 0) await systemClock.nextTurn();
    await second.close();
    const third = await opened({ folder, sinks: [one, two], clock });
    await third.close();
    expect([names(two.taken), await readdir(join(folder, 'two'))]).toEqual([['a 1'], []]);
    expect(await readdir(join(folder, 'one'))).toHaveLength(1);
  });

  test('a file that is no alert is set aside, told, and holds up nothing', async () => {
    const folder = await outbox();
    const first = await opened({ folder, sinks: [new TestSink('s', () => true)], clock: new StillClock() });
    for (const size of [1, 2, 3]) await first.raise(alert('a', size));
    await first.close();
    const [one = '', two = ''] = await waiting(folder);
    await writeFile(join(folder, 's', one), '{"id":');
    await writeFile(join(folder, 's', two), '{"id":"a","kind":"toString","log":"a","message":"m","at":"b"}');
    const sink = new TestSink();
    const told: string[] = [];
    const second = await opened({ folder, sinks: [sink], onTrouble: ({ message }) => told.push(message) });
    await second.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 3']);
    expect(told).toEqual([expect.stringContaining(one), expect.stringContaining(two)]);
  });

  test('a lesser alert that a sink refuses for three days is given up: counted, told, kept, and the next of its log goes', async () => {
    const sink = new TestSink('s', ({ sizes }) => sizes?.[0] === 1);
    const told: TlogError[] = [];
    const folder = await outbox();
    const alerter = await opened({ folder, sinks: [sink], onTrouble: (error) => told.push(error) });
    await alerter.raise(alert('a', 1, 'stale_head'));
    await alerter.raise(alert('a', 2));
    await alerter.drained(LONG_MS);
    await alerter.close();
    expect(names(sink.taken)).toEqual(['a 2']);
    expect(alerter.status).toMatchObject([{ waiting: 0, givenUp: 1, delivered: 1 }]);
    expect(told.at(-1)).toMatchObject({ code: 'alert_given_up' });
    expect(told.at(-1)?.message).toMatch(
      /^s does not get warning stale_head of a: m: refused for three days: refused; kept: /,
    );
    expect(await givenUp(folder)).toMatchObject([{ kind: 'stale_head', sizes: [1] }]);
    expect(await waiting(folder)).toEqual([]);
  });

  test('a critical alert is never given up: after three days those behind it go, and it is tried on', async () => {
    const sink = new TestSink('s', ({ sizes }) => sizes?.[0] === 1);
    const folder = await outbox();
    const alerter = await opened({ folder, sinks: [sink] });
    await alerter.raise(alert('a', 1));
    await alerter.raise(alert('a', 2));
    while (alerter.status[0]?.overdue !== 1) await systemClock.nextTurn();
    expect(alerter.status).toMatchObject([{ waiting: 1, overdue: 1, givenUp: 0 }]);
    sink.refuses = () => false;
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 2', 'a 1']);
    expect(alerter.status).toMatchObject([{ waiting: 0, overdue: 0, givenUp: 0, delivered: 2 }]);
  });

  test('a thousand records of what was given up are kept', async () => {
    const path = await tempFolder();
    const folder = new OutboxFolder(path);
    const given = { number: 1, alert: raisedAlert(alert('a', 1), 0) };
    const kept = await folder.keepGivenUp(given);
    expect(JSON.parse(await readFile(kept ?? '', 'utf8'))).toEqual(given.alert);
    const names = Array.from({ length: GIVEN_UP_MAX - 2 }, (_, i) => join(path, 'given-up', `${i}`));
    await Promise.all(names.map((name) => writeFile(name, '')));
    expect(await folder.keepGivenUp({ ...given, number: 2 })).toBeDefined();
    expect(await folder.keepGivenUp({ ...given, number: 3 })).toBeUndefined();
  });

  test('no data directory is made for it', async () => {
    const folder = join(await tempFolder(), 'none', 'outbox');
    await expect(Alerter.open({ folder, sinks: [] })).rejects.toMatchObject({ code: 'no_data' });
  });
});

describe('ALERT-4 told once', () => {
  test('the same is repeated within a day, also over a restart, and told again after it', async () => {
    const folder = await outbox();
    const sink = new TestSink();
    const clock = new StillClock();
    const first = await opened({ folder, sinks: [sink], clock });
    expect(await first.raise(alert('a', 1))).toBe('queued');
    expect(await first.raise({ ...alert('a', 1), message: 'other words' })).toBe('repeated');
    expect(await first.raise(alert('a', 2))).toBe('queued');
    await first.drained(LONG_MS);
    await first.close();
    const second = await opened({ folder, sinks: [sink], clock });
    clock.pass(86_400_000 - 1);
    expect(await second.raise(alert('a', 1))).toBe('repeated');
    clock.pass(1);
    expect(await second.raise(alert('a', 1))).toBe('queued');
    await second.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 1', 'a 2', 'a 1']);
  });

  test('what waits is known though the list of what was told is gone', async () => {
    const folder = await outbox();
    const clock = new StillClock();
    const sinks = [new TestSink('s', () => true)];
    const first = await opened({ folder, sinks, clock });
    await first.raise(alert('a', 1));
    await first.close();
    await writeFile(join(folder, 'told.json'), '{');
    const second = await opened({ folder, sinks, clock });
    expect(await second.raise(alert('a', 1))).toBe('repeated');
  });

  test('what is over is told anew when it comes back, ten minutes after it was told at the earliest', async () => {
    const clock = new StillClock();
    const folder = await outbox();
    const stale = (size: number): Alert => alert('a', size, 'stale_head');
    const { log, kind, source } = stale(1);
    const first = await opened({ folder, clock });
    const raise = (alerter: Alerter, each: Alert): Promise<string> => alerter.raise(each);
    expect(await raise(first, stale(1))).toBe('queued');
    expect(await raise(first, stale(2))).toBe('queued');
    await first.resolve({ log, kind: 'unreachable', source });
    await first.resolve({ log: 'b', kind, source });
    await first.resolve({ log, kind, source: 'server' });
    clock.pass(600_000);
    expect(await raise(first, stale(1))).toBe('repeated');
    await first.resolve({ log, kind, source }, [stale(2)]);
    await first.close();
    const second = await opened({ folder, clock });
    expect(await raise(second, stale(1))).toBe('queued');
    expect(await raise(second, stale(2))).toBe('repeated');
    await second.resolve({ log, kind, source });
    clock.pass(600_000 - 1);
    expect(await raise(second, stale(1))).toBe('repeated');
    clock.pass(1);
    expect(await raise(second, stale(1))).toBe('queued');
  });

  test('a sink that takes ends gets each once, from the next process too; others get none', async () => {
    const clock = new StillClock();
    const folder = await outbox();
    const plain = new TestSink('plain');
    const refusing = new EndSink('s', ({ endedAt }) => endedAt !== undefined);
    const stale = (size: number): Alert => alert('a', size, 'stale_head');
    const { log, kind, source } = stale(1);
    const first = await opened({ folder, sinks: [refusing, plain], clock });
    for (const each of [stale(1), stale(2), alert('a', 3)]) await first.raise(each);
    await first.drained(LONG_MS);
    clock.pass(1_000);
    await first.resolve({ log, kind, source }, [stale(2)]);
    await first.resolve({ log, kind, source }, [stale(2)]);
    await first.close();
    await rm(join(folder, 'told.json'));
    const sink = new EndSink();
    const second = await opened({ folder, sinks: [sink, plain], clock });
    await second.drained(LONG_MS);
    const { id, severity, at } = refusing.taken[0] as RaisedAlert;
    expect(sink.taken).toMatchObject([{ id, kind, log, source, severity, at }]);
    expect(Date.parse(sink.taken[0]?.endedAt ?? '') - Date.parse(at)).toBe(1_000);
    expect(names(plain.taken)).toEqual(['a 1', 'a 2', 'a 3']);
    // An end that waits is no word that the alert was told.
    expect(await second.raise(stale(1))).toBe('queued');
  });

  test('the end of a critical alert is given up three days from it, however long ago that was told', async () => {
    const folder = await outbox();
    const clock = new QuickClock();
    const sink = new EndSink('s', ({ endedAt }) => endedAt !== undefined);
    const tile = alert('a', 1, 'bad_tile');
    const alerter = await opened({ folder, sinks: [sink], clock });
    await alerter.raise(tile);
    await alerter.drained(LONG_MS);
    clock.pass(4 * 86_400_000);
    await alerter.resolve(tile);
    await alerter.drained(LONG_MS);
    expect(sink.tries).toBeGreaterThan(10);
    expect(alerter.status).toMatchObject([{ waiting: 0, overdue: 0, givenUp: 1, delivered: 1 }]);
  });

  test('beyond a hundred causes of one kind and log a day no new one is sent, which is told; the others stay', async () => {
    const clock = new StillClock();
    const told: TlogError[] = [];
    const alerter = await opened({ folder: await outbox(), clock, onTrouble: (error) => told.push(error) });
    for (let size = 1; size < CAUSES_MAX; size += 1) await alerter.raise(alert('a', size));
    expect(await alerter.raise(alert('a', CAUSES_MAX))).toBe('queued');
    expect(told).toEqual([]);
    expect(await alerter.raise(alert('a', 1_000))).toBe('repeated');
    expect(told).toMatchObject([{ code: 'alert_given_up' }]);
    for (const other of [alert('b', 1_000), alert('a', 1_000, 'rollback')])
      expect(await alerter.raise(other)).toBe('queued');
    clock.pass(86_400_000);
    expect(await alerter.raise(alert('a', 1))).toBe('queued');
    expect(await alerter.raise(alert('a', 1_000))).toBe('queued');
  });

  test('a clock that went back silences nothing', async () => {
    const clock = new StillClock();
    const alerter = await opened({ folder: await outbox(), sinks: [new TestSink()], clock });
    await alerter.raise(alert('a', 1));
    clock.ms -= 1_000_000;
    expect(await alerter.raise(alert('a', 1))).toBe('queued');
  });
});

describe('ALERT-5 in order, and nothing waits for a dead sink', () => {
  test('alerts of one log keep their order while the first is refused; those of others go on', async () => {
    const sink = new TestSink('s', ({ log }) => log === 'a');
    const clock = new StillClock();
    const alerter = await opened({ folder: await outbox(), sinks: [sink], clock });
    for (const each of [alert('a', 1), alert('a', 2), alert('b', 1), alert('b', 2)])
      await alerter.raise(each);
    while (sink.taken.length < 2) await systemClock.nextTurn();
    expect([names(sink.taken), sink.tries]).toEqual([['b 1', 'b 2'], 3]);
    sink.refuses = () => false;
    clock.pass(300_000);
    await alerter.raise(alert('c', 1));
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['b 1', 'b 2', 'a 1', 'a 2', 'c 1']);
  });

  test('one that the sink never takes holds up those behind it for five tries, and is tried on', async () => {
    let refusedFirst = 0;
    const sink: TestSink = new TestSink('s', ({ sizes }) => {
      const isRefused = sizes?.[0] === 1;
      if (isRefused && sink.taken.length === 0) refusedFirst += 1;
      return isRefused;
    });
    const folder = await outbox();
    const before = await opened({ folder, sinks: [new TestSink('s', () => true)], clock: new StillClock() });
    for (const size of [1, 2, 3]) await before.raise(alert('a', size));
    await before.close();
    const alerter = await opened({ folder, sinks: [sink] });
    while (sink.taken.length < 2) await systemClock.nextTurn();
    // Once more right before the one behind it, which is taken.
    expect([names(sink.taken), refusedFirst]).toEqual([['a 2', 'a 3'], 6]);
    sink.refuses = () => false;
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 2', 'a 3', 'a 1']);
  });

  test('those that the sink never takes are not tried again and again in front of those behind them', async () => {
    const tried: (number | undefined)[] = [];
    const sink: TestSink = new TestSink('s', ({ sizes: [size = 0] = [] }) => {
      tried.push(size);
      return size <= 2;
    });
    const folder = await outbox();
    const before = await opened({ folder, sinks: [new TestSink('s', () => true)], clock: new StillClock() });
    for (const size of [1, 2, 3, 4, 5, 6, 7]) await before.raise(alert('a', size));
    await before.close();
    const alerter = await opened({ folder, sinks: [sink] });
    while (sink.taken.length < 5) await systemClock.nextTurn();
    // Each once more, to know that it is not the sink which is away. Behind the last that is taken they go on at their own pace.
    expect(tried.slice(tried.indexOf(3), tried.indexOf(7) + 1)).toEqual([3, 1, 4, 2, 5, 6, 7]);
    sink.refuses = () => false;
    await alerter.drained(LONG_MS);
    expect(names(sink.taken).sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((size) => `a ${size}`));
  });

  test('what was refused often goes at once, and in order, behind such a one that the sink takes: it was away', async () => {
    const clock = new QuickClock();
    const takenMs: number[] = [];
    let isBack = false;
    const sink: TestSink = new TestSink('s', ({ log, sizes: [size = 0] = [] }) => {
      isBack ||= sink.tries >= 100 && size === 1;
      if (isBack) takenMs.push(clock.monotonicMs());
      return log === 'a' && !isBack;
    });
    // Each is due at a time of its own.
    let turns = 0;
    const random = (): number => {
      turns += Math.SQRT2;
      return turns % 1;
    };
    const folder = await outbox();
    const before = await opened({ folder, sinks: [new TestSink('s', () => true)], clock: new StillClock() });
    await before.raise(alert('b', 1));
    for (const size of [1, 2, 3, 4]) await before.raise(alert('a', size));
    await before.close();
    const alerter = await opened({ folder, sinks: [sink], clock, random });
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['b 1', 'a 1', 'a 2', 'a 3', 'a 4']);
    expect(new Set(takenMs).size).toBe(1);
  });

  test('a sink that was away gets the alerts of a log in their order, however often they were tried', async () => {
    let isBack = false;
    // Back between the first and one behind it, it would have that one first: nobody can tell it from a sink that never takes the first.
    const sink = new TestSink('s', ({ sizes }) => {
      isBack ||= sink.tries >= 100 && sizes?.[0] === 1;
      return !isBack;
    });
    const alerter = await opened({ folder: await outbox(), sinks: [sink] });
    for (const size of [1, 2, 3, 4]) await alerter.raise(alert('a', size));
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 1', 'a 2', 'a 3', 'a 4']);
  });

  test('a sink that never answers holds up neither raise, nor the other sinks, nor the end', async () => {
    const called = latch();
    const hanging: Sink = {
      name: 's',
      deliver: () => {
        called.open();
        return new Promise(() => undefined);
      },
    };
    const sink = new TestSink('other');
    const folder = await outbox();
    const alerter = await opened({ folder, sinks: [hanging, sink], clock: new StillClock() });
    await alerter.raise(alert('a', 1));
    await called.opened;
    await alerter.raise(alert('a', 2));
    while (sink.taken.length < 2) await systemClock.nextTurn();
    await alerter.close();
    expect(await waiting(folder)).toHaveLength(2);
  });

  test('a folder that cannot be written is told, and the alert goes out all the same', async () => {
    const folder = await outbox();
    const sink = new TestSink();
    const told: string[] = [];
    const alerter = await opened({ folder, sinks: [sink], onTrouble: ({ code }) => told.push(code) });
    await rm(folder, { recursive: true });
    expect(await alerter.raise(alert('a', 1))).toBe('queued');
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 1']);
    expect(told).toEqual(['not_writable', 'not_writable']);
  });

  const BEYOND = 'a critical one took its place in the full queue';
  test.each<[string, number, Alert['kind'], Alert['kind'] | undefined, string | undefined]>([
    ['a lesser one finds no room', WAITING_MAX, 'stale_head', undefined, 'the queue is full'],
    ['a critical one takes the place of the newest lesser one', WAITING_MAX, 'fork', 'stale_head', BEYOND],
    ['a critical one finds room though all are critical', WAITING_MAX, 'fork', undefined, undefined],
    ['a critical one finds the last room', CRITICAL_WAITING_MAX - 1, 'fork', undefined, undefined],
    ['no room is left', CRITICAL_WAITING_MAX, 'fork', undefined, 'the queue is full'],
  ])('in a full queue %s', async (_, count, kind, lesser, why) => {
    const kept = Array.from({ length: count }, (__, i) =>
      alert('a', i, i % 500 === 2 ? (lesser ?? 'fork') : 'fork'),
    );
    const stored = kept.map((each, i) => ({ number: i + 1, alert: raisedAlert(each, 0) }));
    const told: TlogError[] = [];
    const given: StoredAlert[] = [];
    const folder: SinkQueueDeps['folder'] = {
      read: async () => stored,
      write: async () => undefined,
      remove: async () => undefined,
      keepGivenUp: async (each) => void given.push(each),
    };
    const queue = await SinkQueue.open({
      ...{ sink: new TestSink('s', () => true), folder, clock: new StillClock(), random: () => 0 },
      onTrouble: (error) => told.push(error),
    });
    onTestFinished(() => queue.close());
    await queue.add(raisedAlert(alert('b', count, kind), 0));
    await queue.close();
    const hasRoom = why !== 'the queue is full';
    const gone = [hasRoom ? undefined : 'b', why === BEYOND ? 'a' : undefined].filter(
      (log) => log !== undefined,
    );
    expect(queue.status.waiting).toBe(count + 1 - gone.length);
    expect(given.map((each) => each.alert.log)).toEqual(gone);
    expect(given.map(({ number }) => number)).toEqual(why === undefined ? [] : [hasRoom ? 503 : count + 1]);
    expect(told.filter(({ code }) => code === 'alert_given_up').map(({ message }) => message)).toEqual(
      why === undefined ? [] : [expect.stringContaining(`: ${why}; kept: no more room`)],
    );
    expect(queue.status.givenUp).toBe(why === undefined ? 0 : 1);
  });
});
