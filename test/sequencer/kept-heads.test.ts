import { describe, expect, test } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { decodeKept, keptKey } from '../../src/store/rows.ts';
import { fill, type RottingLog, rottingLog } from '../support/rotting-log.ts';

const KEPT = [10, 20, 30, 40];
const SIZE = 50;

/** Heads of 10, 20, 30 and 40 are kept, in a log of 50. */
async function keepingLog(): Promise<RottingLog> {
  let nowMs = Date.UTC(2050, 0, 1);
  const rotting = await rottingLog({ clock: { ...systemClock, nowMs: () => nowMs } });
  for (let at = 0; at < SIZE; at += 10) {
    await fill(rotting.log, at, at + 10);
    nowMs += 60_000;
  }
  return rotting;
}

async function sizes({ log }: RottingLog, from: number, limit: number): Promise<number[]> {
  return (await log.keptHeads(treeSize(from), limit)).map(({ size }) => size);
}

const corrupt = (size: number) => ({
  code: 'storage_corrupt',
  details: { row: Buffer.from(keptKey(size)).toString('hex') },
});

describe('STORE-12 kept heads', () => {
  test('are listed from any size on, in any pages', async () => {
    const rotting = await keepingLog();
    const all = [0, ...KEPT, SIZE];
    for (let from = 0; from <= SIZE; from += 1)
      for (const limit of [1, 2, 4, 5, 6, 9]) {
        const expected = all.filter((size) => size >= from).slice(0, limit);
        expect([from, limit, await sizes(rotting, from, limit)]).toEqual([from, limit, expected]);
      }
    expect((await rotting.log.keptHead(treeSize(20)))?.size).toBe(20);
    expect(await rotting.log.keptHead(treeSize(21))).toBeUndefined();
    expect(rotting.log.findings).toEqual([]);
  });

  test.each([
    0,
    ...KEPT,
  ])('one of size %i that is gone is missed by whoever would be shown it', async (gone) => {
    const rotting = await keepingLog();
    await rotting.drop(keptKey(gone));
    // What needs none of it is answered as before.
    const after = [...KEPT, SIZE].filter((size) => size > gone);
    expect(await sizes(rotting, gone + 1, 9)).toEqual(after);
    const before = [0, ...KEPT].filter((size) => size < gone);
    if (before.length > 0) expect(await sizes(rotting, 0, before.length)).toEqual(before);
    expect(rotting.log.findings).toEqual([]);

    await expect(rotting.log.keptHead(treeSize(gone))).rejects.toMatchObject(corrupt(gone));
    for (const from of [0, gone]) await expect(sizes(rotting, from, 9)).rejects.toMatchObject(corrupt(gone));
    expect(rotting.log.findings).toMatchObject([{ part: 'head', index: gone }]);
  });

  test('of before there were links are listed as they are, and the next one is linked', async () => {
    const rotting = await keepingLog();
    for (const size of KEPT) await rotting.change(keptKey(size), (value) => decodeKept(value).note);
    await rotting.drop(keptKey(20));
    expect(await sizes(rotting, 0, 9)).toEqual([0, 10, 30, 40, SIZE]);
    await fill(rotting.log, SIZE, SIZE + 1);
    expect(await sizes(rotting, 0, 9)).toEqual([0, 10, 30, 40, SIZE, SIZE + 1]);
    await rotting.drop(keptKey(40));
    await expect(sizes(rotting, 0, 9)).rejects.toMatchObject(corrupt(40));
  });
});
