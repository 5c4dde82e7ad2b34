import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Hono } from 'hono';
import { describe, expect, test, vi } from 'vitest';
import { PageBundles } from '../../src/http/page-bundles.ts';
import { problemResponse } from '../../src/http/problem.ts';
import { createEntryPages } from '../../src/http/reads.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Log, PagePart } from '../../src/sequencer/log.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey } from '../../src/store/rows.ts';
import { type RottingLog, rottingLog } from '../support/rotting-log.ts';

/* HTTP-14: pages of long entries, and what is kept in memory for them. */

const MIB = 1024 * 1024;
const LONG = 32_768;

/** Three bundles of 8 MiB and twelve open entries. */
async function longLog(): Promise<RottingLog> {
  const rotting = await rottingLog();
  for (let from = 0; from < 780; from += 260) {
    const entries = Array.from({ length: 260 }, (_, i) => Buffer.alloc(LONG, `${from + i};`));
    await rotting.log.append({ entries });
  }
  return rotting;
}

/** Asks for pages of a log. */
function pagesOf(log: Log, bundles: PageBundles): (start: number, end: number) => Promise<Response> {
  const page = createEntryPages({ bundles });
  const app = new Hono().get('/entries', (c) => page(c, log));
  app.onError(problemResponse);
  return async (start, end) => app.request(`/entries?start=${start}&end=${end}`);
}

const chunksOf = async (answer: Response): Promise<Uint8Array[]> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body ?? []) chunks.push(chunk);
  return chunks;
};

/** How often the database was asked for rows in the pool, which is for bundles of pages alone here. */
async function poolReads(during: () => Promise<void>): Promise<number> {
  const spy = vi.spyOn(LevelStore.prototype, 'getMany');
  await during();
  const reads = spy.mock.calls.filter(([, options]) => options?.inPool).length;
  spy.mockRestore();
  return reads;
}

describe('HTTP-14 a page of long entries', () => {
  test('comes in parts of a MiB of entries, whole, and reads each bundle once', async () => {
    const { log } = await longLog();
    const page = pagesOf(log, new PageBundles());
    let chunks: Uint8Array[] = [];
    const reads = await poolReads(async () => {
      chunks = await chunksOf(await page(1, 780));
    });
    expect(reads).toBe(3);
    expect(chunks.length).toBeGreaterThan(23);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(1.5 * MIB);
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    const expected = Array.from({ length: 779 }, (_, i) => ({
      index: i + 1,
      entry: Buffer.alloc(LONG, `${i + 1};`).toString('base64'),
    }));
    expect(lines.map((line) => JSON.parse(line))).toEqual(expected);
  });

  test('whose row is found damaged when a part of it was sent is not finished, and the next is refused', async () => {
    const { log } = await longLog();
    const page = pagesOf(log, new PageBundles());
    const begun = (await page(0, 200)).body?.getReader();
    await begun?.read();
    log.stored().report({ row: bundleKey(0), message: 'a test says so' });
    const rest = async () => {
      while ((await begun?.read())?.done === false);
    };
    await expect(rest()).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect((await page(0, 200)).status).toBe(500);
  });

  test('has no part made ahead of its client', async () => {
    const { log } = await longLog();
    const readEntries = vi.spyOn(log, 'readEntries');
    const page = (await pagesOf(log, new PageBundles())(0, 200)).body?.getReader();
    for (const parts of [1, 2, 3]) {
      await page?.read();
      for (let turns = 0; turns < 10; turns += 1) await systemClock.nextTurn();
      expect(readEntries).toHaveBeenCalledTimes(parts);
    }
  });

  test('holds no bundle while it waits for its client, so that all of them take no more than is kept', async () => {
    const { log } = await longLog();
    const bundles = new PageBundles(10 * MIB);
    const read: WeakRef<ArrayBufferLike>[] = [];
    const watched: Log = Object.create(log, {
      findings: { value: [] },
      head: { value: log.head },
      readEntries: {
        value: (start: never, end: never, page: PagePart) => {
          const set = (index: number, bundle: Uint8Array): void => {
            read.push(new WeakRef(bundle.buffer));
            page.bundles?.set(index, bundle);
          };
          const get = (index: number): Uint8Array | undefined => page.bundles?.get(index);
          return log.readEntries(start, end, { ...page, bundles: { get, set } });
        },
      },
    });
    const page = pagesOf(watched, bundles);
    const waiting = await Promise.all([page(0, 200), page(256, 500), page(512, 700)]);
    expect(read.length).toBeGreaterThanOrEqual(3);
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const alive = (): number => {
      collect();
      return read.filter((bundle) => bundle.deref() !== undefined).length;
    };
    await expect.poll(alive).toBe(1);
    expect(bundles.bytes).toBeLessThan(10 * MIB);
    for (const answer of waiting) expect((await chunksOf(answer)).length).toBeGreaterThan(2);
  });
});

describe('what is kept of bundles for pages', () => {
  const log = { name: 'main', findings: [] };
  const bundle = new Uint8Array(2 * MIB);

  test('is no more than may be, the last that were asked for', () => {
    const bundles = new PageBundles(6 * MIB);
    const kept = bundles.of(log);
    for (const index of [0, 1, 2]) kept?.set(index, bundle);
    expect(kept?.get(0)).toBe(bundle);
    kept?.set(3, bundle);
    expect([0, 1, 2, 3].map((index) => kept?.get(index) !== undefined)).toEqual([true, false, true, true]);
    expect(bundles.bytes).toBe(6 * MIB);
  });

  test('counts all the memory that a bundle keeps alive', () => {
    const bundles = new PageBundles(8 * MIB);
    bundles.of(log)?.set(0, new Uint8Array(4 * MIB).subarray(0, MIB));
    expect(bundles.bytes).toBe(4 * MIB);
  });

  test('is none of a short bundle, of another log, or of a log with damage', () => {
    const bundles = new PageBundles();
    bundles.of(log)?.set(0, bundle.subarray(0, MIB - 1));
    expect(bundles.bytes).toBe(0);
    bundles.of(log)?.set(0, bundle);
    expect(bundles.of({ ...log, name: 'other' })?.get(0)).toBeUndefined();
    const finding = { log: 'main', part: 'bundle' } as Log['findings'][number];
    expect(bundles.of({ ...log, findings: [finding] })).toBeUndefined();
  });
});
