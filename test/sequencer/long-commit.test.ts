import { describe, expect, onTestFinished, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { EntryPlacer } from '../../src/sequencer/entry-placer.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { DiskLevel } from '../../src/store/disk-level.ts';
import { type LevelEngine, LevelStore } from '../../src/store/level-store.ts';
import { encodeIndex } from '../../src/store/rows.ts';
import { newDataDirectory } from '../support/test-log.ts';

const MIB = 1024 * 1024;
const HUGE = 65_535;

/** What is done between two turns of the event loop, and the most of it so far. */
class Meter {
  #bytes = 0;
  #steps = 0;
  bytesMost = 0;
  stepsMost = 0;
  turns = 0;

  spend(bytes: number): void {
    this.#bytes += bytes;
    this.#steps += 1;
    this.bytesMost = Math.max(this.bytesMost, this.#bytes);
    this.stepsMost = Math.max(this.stepsMost, this.#steps);
  }
  turn(): void {
    [this.#bytes, this.#steps] = [0, 0];
  }
  forget(): void {
    [this.bytesMost, this.stepsMost, this.turns] = [0, 0, 0];
  }
}

/** An engine whose rows are counted where the thread of the event loop copies them. */
function metered(engine: LevelEngine, meter: Meter): LevelEngine {
  return {
    open: () => engine.open(),
    getSync: (key) => {
      const value = engine.getSync(key);
      meter.spend(value?.length ?? 0);
      return value;
    },
    getMany: async (keys) => {
      const values = await engine.getMany(keys);
      meter.turn();
      for (const value of values) if (value !== undefined) meter.spend(value.length);
      return values;
    },
    batch: () => {
      const chain = engine.batch();
      return {
        put: (key, value) => {
          meter.spend(value.length);
          return chain.put(key, value);
        },
        del: (key) => chain.del(key),
        write: async (options) => {
          await chain.write(options);
          meter.turn();
        },
      };
    },
    iterator: (range) => engine.iterator(range),
    inPlace: () => engine.inPlace?.() ?? true,
    accept: async () => engine.accept?.(),
    close: () => engine.close(),
  };
}

async function meteredLog(): Promise<{ log: RunningLog; meter: Meter }> {
  const dir = await newDataDirectory();
  const meter = new Meter();
  const nextTurn = async (): Promise<void> => {
    await systemClock.nextTurn();
    meter.turn();
    meter.turns += 1;
  };
  const leafHash = (entry: Uint8Array): Uint8Array => {
    meter.spend(entry.length);
    return nodeHasher.leafHash(entry);
  };
  const log = await startLog({
    ...(await logOnFiles({ dir, clock: { ...systemClock, nextTurn } }, 'main')),
    hasher: { ...nodeHasher, leafHash },
    openStore: () =>
      LevelStore.open(logPaths(dir, 'main').db, async (path, mode) =>
        metered(await DiskLevel.make(path, mode), meter),
      ),
  });
  onTestFinished(() => log.close());
  meter.forget();
  return { log, meter };
}

async function append(log: RunningLog, count: number, length: number): Promise<void> {
  const { size } = log.head;
  const entries = Array.from({ length: count }, (_, i) => Buffer.alloc(length, `${size + i}/`));
  const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
  const { indexes } = await log.append({ entries, leafHashes });
  expect([indexes.length, log.head.size]).toEqual([count, size + count]);
}

describe('SEQ-12 a long commit is done in slices of 4 MiB, or 2,048 entries or rows, and a row more', () => {
  test.each<[string, readonly (readonly [number, number])[], number]>([
    ['4,096 entries of 2 KiB', [[4_096, 2_047]], 4 * MIB + 512 * 1024],
    ['4,096 short ones', [[4_096, 10]], MIB],
    ['128 of 64 KiB, in one row', [[128, HUGE]], 8 * MIB + 4 * MIB],
    [
      '128 more, which make a bundle of 16 MiB full',
      [
        [128, HUGE],
        [128, HUGE],
      ],
      16 * MIB + 4 * MIB,
    ],
    [
      'one that makes such a bundle full',
      [
        [127, HUGE],
        [128, HUGE],
        [1, 1],
      ],
      16 * MIB + 4 * MIB,
    ],
  ])('%s', async (_, appends, bytesMax) => {
    const { log, meter } = await meteredLog();
    for (const [count, length] of appends) {
      meter.forget();
      await append(log, count, length);
    }
    expect(meter.bytesMost).toBeLessThan(bytesMax);
    expect(meter.stepsMost).toBeLessThanOrEqual(2_049);
    expect(meter.turns).toBeGreaterThan(3);
    const last = log.head.size - 1;
    const [entry] = await log.readEntries(leafIndex(last), treeSize(last + 1));
    const [, length] = appends.at(-1) ?? [];
    expect(Buffer.from(entry ?? [])).toEqual(Buffer.alloc(length ?? 0, `${last}/`));
  });

  test.each([
    [1_024, 10],
    [512, 8_000],
    [1, HUGE],
  ])('a commit of %i entries of %i bytes takes one turn, to see who else is there', async (count, length) => {
    const { log, meter } = await meteredLog();
    await append(log, count, length);
    expect(meter.turns).toBe(1);
  });

  test('leaf hashes are made where they are not given', async () => {
    const { log, meter } = await meteredLog();
    const { leafHashes } = await log.append({ entries: [Buffer.from('a')] });
    expect(leafHashes).toEqual([nodeHasher.leafHash(Buffer.from('a'))]);
    expect(meter.bytesMost).toBeGreaterThan(0);
  });

  test.each([
    ['of 16 MiB takes a turn when it is there, and four while it is checked', HUGE, 5],
    ['of less takes none', 10, 0],
  ])('a bundle %s, for a page', async (_, length, turns) => {
    const { log, meter } = await meteredLog();
    await append(log, 128, length);
    await append(log, 128, length);
    meter.forget();
    const page = await log.readEntries(leafIndex(254), treeSize(256), { bytes: MIB });
    expect([page.map((entry) => entry.length), meter.turns]).toEqual([[length, length], turns]);
  });

  test('after a long bundle the next is read in the pool, after a short one at once', async () => {
    const { log, meter } = await meteredLog();
    for (const length of [HUGE, HUGE, HUGE, HUGE, 10, 10]) await append(log, 128, length);
    const read = async (index: number, width = 256) => {
      meter.forget();
      const found = log.readBundle({ index, width });
      return [found instanceof Promise, (await found)?.length, meter.turns];
    };
    expect(await read(0)).toEqual([false, 256 * (HUGE + 2), 0]);
    expect(await read(1, 255)).toEqual([true, 255 * (HUGE + 2), 5]);
    const [entry] = await log.readEntries(leafIndex(300), treeSize(301));
    expect([entry?.length, meter.turns]).toEqual([HUGE, 10]);
    expect(await read(2)).toEqual([true, 256 * 12, 0]);
    expect(await read(2)).toEqual([false, 256 * 12, 0]);
  });

  test.each([
    [1_023, 0],
    [1_024, 1],
    [2_048, 2],
  ])('%i repeats of content are looked up in %i turns and a rest', async (count, turns) => {
    let taken = 0;
    const nextTurn = async (): Promise<void> => {
      taken += 1;
    };
    const placer = new EntryPlacer({
      ...{ duplicates: 'content', leafHashIndex: true, clock: { nextTurn }, findLeaf: () => leafIndex(7) },
      store: { getMany: (keys) => keys.map(() => encodeIndex(leafIndex(7))) },
    });
    const entries = Array.from({ length: count }, (_, i) => Buffer.from(`${i}`));
    const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
    const waiting = { entries: count, bytes: 0, enqueuedAtMs: 0, resolve: () => {}, reject: () => {} };
    const { places } = await placer.place(9, [{ request: { entries }, leafHashes, ...waiting }]);
    expect(places).toEqual([{ indexes: new Array(count).fill(7), isNew: new Array(count).fill(false) }]);
    expect(taken).toBe(turns);
  });
});
