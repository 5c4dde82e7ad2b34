import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Alert, type RaisedAlert, raisedAlert } from '../../src/alert/alert.ts';
import { Alerter, type AlerterOptions } from '../../src/alert/alerter.ts';
import type { Sink } from '../../src/alert/sink.ts';
import { DELIVERY_MS, WAITING_MAX } from '../../src/alert/sink-queue.ts';
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

/** Time stands still while nobody moves it, and whoever sleeps waits for that. */
class StillClock extends HandClock {
  override async sleep(_: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal?.aborted === true) resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** Waits between tries pass at once; deadlines are not reached. */
class QuickClock extends StillClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms === DELIVERY_MS || ms === LONG_MS) return super.sleep(ms, signal);
    await systemClock.nextTurn();
    this.pass(ms);
  }
}

async function opened(options: Partial<AlerterOptions> & { folder: string }): Promise<Alerter> {
  const alerter = await Alerter.open({ clock: new QuickClock(), random: () => 0, sinks: [], ...options });
  onTestFinished(() => alerter.close());
  return alerter;
}

const outbox = async (): Promise<string> => join(await tempFolder(), 'outbox');
const waiting = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, 's'))).filter((name) => name.endsWith('.json'));

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
    expect(alerter.status).toEqual([{ name: 's', waiting: 0, delivered: 1, failed: 5, dropped: 0 }]);
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

  test('an alert that a sink refuses for three days is given up, and the next one of its log goes', async () => {
    const sink = new TestSink('s', ({ sizes }) => sizes?.[0] === 1);
    const told: string[] = [];
    const alerter = await opened({
      ...{ folder: await outbox(), sinks: [sink], onTrouble: ({ message }) => told.push(message) },
    });
    await alerter.raise(alert('a', 1));
    await alerter.raise(alert('a', 2));
    await alerter.drained(LONG_MS);
    expect(names(sink.taken)).toEqual(['a 2']);
    expect(told.at(-1)).toContain('given up: fork of a');
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

  test(`beyond ${WAITING_MAX} the lesser alerts make way, and a full queue of grave ones takes no more`, async () => {
    const folder = await outbox();
    await mkdir(join(folder, 's'), { recursive: true });
    for (let number = 1; number < WAITING_MAX; number += 1) {
      const kept = raisedAlert(alert('a', number, number === 2 ? 'stale_head' : 'fork'), new HandClock().ms);
      await writeFile(join(folder, 's', `${String(number).padStart(16, '0')}.json`), JSON.stringify(kept));
    }
    const told: string[] = [];
    const options = { folder, sinks: [new TestSink('s', () => true)], clock: new StillClock() };
    const alerter = await opened({ ...options, onTrouble: ({ code }) => told.push(code) });
    for (const size of [0, WAITING_MAX, WAITING_MAX + 1]) await alerter.raise(alert('a', size));
    expect(alerter.status).toMatchObject([{ waiting: WAITING_MAX, dropped: 2 }]);
    expect(told.at(-1)).toBe('queue_full');
    await alerter.close();
    const files = await waiting(folder);
    const left = await Promise.all(
      files.map(async (file) => JSON.parse(await readFile(join(folder, 's', file), 'utf8'))),
    );
    expect(left.map(({ kind }) => kind)).not.toContain('stale_head');
    expect(left.map(({ sizes }) => sizes[0])).toEqual(expect.arrayContaining([0, 1, 3, WAITING_MAX]));
  });
});
