import { describe, expect, test } from 'vitest';
import { TileNodes } from '../../src/core/tile/tile-nodes.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createLog } from '../../src/sequencer/create-log.ts';
import { LogSet } from '../../src/sequencer/log-set.ts';
import { TILES_MAX, TileMemory } from '../../src/sequencer/tile-memory.ts';
import { newDataDirectory } from '../support/test-log.ts';

const TILE = TileNodes.fromLeaves(nodeHasher, new Uint8Array(256 * 32));
const has = (cache: { get(number: number): unknown }, number: number): boolean =>
  cache.get(number) !== undefined;

describe('SEQ-13 one bound on the tiles in memory, for all logs together', () => {
  test('of one log those that were asked longest ago go', () => {
    const memory = new TileMemory(3);
    const cache = memory.cache();
    for (const number of [1, 2, 3]) cache.set(number, TILE);
    expect(has(cache, 1)).toBe(true);
    cache.set(3, TILE);
    expect(memory.size).toBe(3);
    cache.set(4, TILE);
    expect([1, 2, 3, 4].map((number) => has(cache, number))).toEqual([true, false, true, true]);
    cache.clear();
    expect(memory.size).toBe(0);
  });

  test('of several those of the log that was asked longest ago go, and no log has none for good', () => {
    const memory = new TileMemory(4);
    const [one, two, three] = [memory.cache(), memory.cache(), memory.cache()];
    for (const number of [1, 2]) one.set(number, TILE);
    for (const number of [1, 2]) two.set(number, TILE);
    three.set(1, TILE);
    expect([one.size, two.size, three.size]).toEqual([1, 2, 1]);
    expect(has(one, 2)).toBe(true);
    three.set(2, TILE);
    expect([one.size, two.size, three.size]).toEqual([1, 1, 2]);
    for (const number of [3, 4, 5]) three.set(number, TILE);
    expect([one.size, two.size, three.size]).toEqual([0, 0, 4]);
    one.set(1, TILE);
    expect([one.size, three.size]).toEqual([1, 3]);
  });

  test('64 logs have no more than one', () => {
    const memory = new TileMemory();
    const caches = Array.from({ length: 64 }, () => memory.cache());
    for (let i = 0; i < 2 * TILES_MAX; i += 1) caches[i % 64]?.set(i, TILE);
    expect([TILES_MAX, memory.size]).toEqual([4_096, 4_096]);
  });

  test('the logs of a set share it', async () => {
    const dir = await newDataDirectory();
    const deps = { dir, clock: systemClock, random: systemRandom };
    await createLog(deps, { name: 'other', kind: 'entries', origin: 'log.example/other' });
    const tiles = new TileMemory(1);
    await using logs = await LogSet.open({ dir, clock: systemClock }, { tiles });
    for (const name of logs.names()) {
      const log = await logs.get(name);
      await log?.append({ entries: Array.from({ length: 300 }, (_, i) => Buffer.from(`${name} ${i}`)) });
      await log?.append({ entries: [Buffer.from(name)] });
    }
    expect(tiles.size).toBe(1);
  });
});
