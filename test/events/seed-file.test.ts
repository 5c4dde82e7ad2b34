import { open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SeedFile } from '../../src/events/seed-file.ts';
import { openFile } from '../../src/events/seed-header.ts';
import { type OpenSlotFile, openSlotFile } from '../../src/events/slot-file.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEADER = 4_096;

async function newFile(first = 0): Promise<string> {
  const path = join(await tempFolder(), 'seeds');
  await SeedFile.create(path, first);
  return path;
}

const opened = (path: string, size = 0) => SeedFile.open(path, size, systemRandom);
const slots = async (path: string): Promise<number> => ((await stat(path)).size - HEADER) / 32;

/** What the seeds of the run that has an index begin with. */
function ownerOf(runs: readonly (readonly [number, number])[], index: number): number {
  return (runs.find(([start, end]) => index >= start && index < end)?.[0] ?? -1) + 1;
}

describe('STORE-14 seeds', () => {
  test('are made ahead, in a file for its owner, each another, and stay', async () => {
    const path = await newFile();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const seeds = await opened(path);
    await seeds.ensure(3);
    expect(await slots(path)).toBeGreaterThan(3);
    const made = seeds.read(0, 8_000);
    expect(
      new Set(
        Array.from({ length: 8_000 }, (_, i) =>
          Buffer.from(made.subarray(32 * i, 32 * i + 32)).toString('hex'),
        ),
      ).size,
    ).toBe(8_000);
    await seeds.ensure(8_000);
    await seeds.ensure(20_000);
    await seeds.close();
    const again = await opened(path, 20_000);
    expect(again.read(0, 8_000)).toEqual(made);
    expect(() => again.read(0, 40_000)).toThrow(RangeError);
    await again.close();
    await expect(SeedFile.create(path, 0)).rejects.toMatchObject({ code: 'EEXIST' });
  });

  test.each<[string, readonly (readonly [number, number])[], readonly (readonly [number, number])[]]>([
    ['none', [], [[0, 6]]],
    ['all', [[0, 6]], []],
    [
      'the first and the last',
      [
        [0, 2],
        [5, 6],
      ],
      [[2, 5]],
    ],
    [
      'those in the middle',
      [
        [1, 2],
        [2, 4],
      ],
      [
        [0, 1],
        [4, 6],
      ],
    ],
  ])('put back are %s, and the others are gaps', async (_, runs, gaps) => {
    const path = join(await tempFolder(), 'seeds');
    const given = runs.map(([start, end]) => ({
      start,
      seeds: new Uint8Array((end - start) * 32).fill(start + 1),
    }));
    expect(await SeedFile.create(path, 6, given)).toEqual(gaps.map(([start, end]) => ({ start, end })));
    const seeds = await opened(path, 6);
    const isThere = (i: number): boolean => runs.some(([start, end]) => i >= start && i < end);
    for (let i = 0; i < 6; i += 1) expect([i, seeds.has(i)]).toEqual([i, isThere(i)]);
    await seeds.close();
    for (const { start, seeds: bytes } of await SeedFile.runs(path, 1, 6))
      for (let i = 0; i < bytes.length / 32; i += 1)
        expect([start + i, isThere(start + i), bytes[32 * i]]).toEqual([
          start + i,
          true,
          ownerOf(runs, start + i),
        ]);
    const found = (await SeedFile.runs(path, 1, 6)).reduce(
      (sum, { seeds: { length } }) => sum + length / 32,
      0,
    );
    expect(found).toBe([1, 2, 3, 4, 5].filter(isThere).length);
  });

  test.each([
    [
      'that do not ascend',
      [
        [2, 3],
        [1, 2],
      ],
    ],
    ['beyond the tree', [[5, 7]]],
  ])('%s are not put back', async (_, runs) => {
    const path = join(await tempFolder(), 'seeds');
    const given = runs.map(([start = 0, end = 0]) => ({ start, seeds: new Uint8Array((end - start) * 32) }));
    await expect(SeedFile.create(path, 6, given)).rejects.toMatchObject({ code: 'data_damaged' });
  });

  test('of two processes that make them in one file neither writes over the other', async () => {
    const path = await newFile();
    const first = await opened(path);
    await first.ensure(1);
    const second = await opened(path);
    const end = await slots(path);
    await second.ensure(end + 1);
    const made = Buffer.from(second.read(end, end + 1));
    await expect(first.ensure(end + 1)).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(made.equals(second.read(end, end + 1))).toBe(true);
    await expect(second.ensure(end + 50_000)).rejects.toMatchObject({ code: 'commit_unknown' });
    for (const seeds of [first, second]) await seeds.close();
    const third = await opened(path, end + 1);
    expect(made.equals(third.read(end, end + 1))).toBe(true);
    await third.close();
  });

  test('begin at the size that was restored without them', async () => {
    const path = await newFile(1_000);
    const seeds = await opened(path, 1_000);
    await seeds.ensure(1_001);
    expect([seeds.has(999), seeds.has(1_000), seeds.read(1_000, 1_001).length]).toEqual([false, true, 32]);
    await seeds.close();
    const end = await slots(path);
    expect(await SeedFile.giveUp(path, end)).toBeUndefined();
    expect(await SeedFile.giveUp(path, end + 5)).toEqual({ start: end, end: end + 5 });
    const again = await opened(path, end + 5);
    await again.ensure(end + 6);
    const known = [0, 999, 1_000, end - 1, end, end + 4, end + 5, end + 100_000];
    expect(known.map((index) => again.has(index))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
    await again.close();
  });

  test.each<[string, (path: string) => Promise<void>, number]>([
    ['half a slot at the end', (path) => truncate(path, HEADER + 32 * 50 + 7), 50],
    ['zeros at the end, as a crash may leave', (path) => zero(path, 40), 40],
  ])('that were cut short by %s: what is whole is used', async (_, cut, end) => {
    const path = await newFile();
    const first = await opened(path);
    await first.ensure(10);
    const made = first.read(0, end);
    await first.close();
    await cut(path);
    const seeds = await opened(path, 20);
    expect([seeds.read(0, end), await slots(path)]).toEqual([made, end]);
    await seeds.ensure(end + 1);
    expect(seeds.read(end, end + 1).some((byte) => byte !== 0)).toBe(true);
    await seeds.close();
  });

  test.each<[string, (path: string) => Promise<void>]>([
    ['no file', async () => undefined],
    ['a file that ends below the tree', (path) => truncate(path, HEADER + 32 * 19)],
    ['a file of something else', (path) => writeFile(path, 'x'.repeat(5_000))],
    ['an empty file', (path) => truncate(path, 0)],
    [
      'a header with another bit',
      async (path) => {
        const bytes = await readFile(path);
        bytes.writeUInt8(1, 20);
        await writeFile(path, bytes);
      },
    ],
  ])('are not begun anew with %s: the start is refused', async (name, spoil) => {
    const path = name === 'no file' ? join(await tempFolder(), 'seeds') : await newFile();
    if (name !== 'no file') {
      const seeds = await opened(path);
      await seeds.ensure(20);
      await seeds.close();
    }
    await spoil(path);
    await expect(opened(path, 20)).rejects.toMatchObject({ code: 'data_damaged' });
  });
});

describe('STORE-14 what a disk says about seeds has a code', () => {
  const saying = (code: string): Error => Object.assign(new Error(`${code}: said by a test`), { code });

  /** Opens a file of a log without leaves whose calls of a kind fail once it is told to. */
  async function failing(call: 'write' | 'sync' | 'length' | 'readNow' | 'truncate', error: Error) {
    const path = await newFile();
    const faults = { on: false };
    const openWith: OpenSlotFile = async (...file) => {
      const sound = await openSlotFile(...file);
      const fail = (): Promise<never> => {
        if (call === 'readNow') throw error;
        return Promise.reject(error);
      };
      const usual = sound[call] as (...args: never[]) => unknown;
      return { ...sound, [call]: (...args: never[]) => (faults.on ? fail() : usual(...args)) };
    };
    return { faults, open: () => SeedFile.open(path, 0, systemRandom, { openWith, ahead: 8 }) };
  }

  test.each([
    ['write', 'ENOSPC', 'commit_unknown'],
    ['sync', 'EIO', 'commit_unknown'],
    ['length', 'EIO', 'storage_unreadable'],
  ] as const)('while they are made: %s with %s is %s', async (call, said, code) => {
    const { faults, open } = await failing(call, saying(said));
    const seeds = await open();
    faults.on = true;
    await expect(seeds.ensure(1)).rejects.toMatchObject({
      code,
      cause: { code: said },
      message: expect.stringContaining(said),
    });
    await seeds.close();
  });

  test('while they are read: EIO is no damage', async () => {
    const { faults, open } = await failing('readNow', saying('EIO'));
    const seeds = await open();
    await seeds.ensure(1);
    faults.on = true;
    expect(() => seeds.read(0, 1)).toThrow(expect.objectContaining({ code: 'storage_unreadable' }));
    await seeds.close();
  });

  test.each([
    ['write', 'ENOSPC', 'not_writable'],
    ['truncate', 'EROFS', 'not_writable'],
    ['sync', 'EIO', 'commit_unknown'],
    ['length', 'EIO', 'storage_unreadable'],
  ] as const)('at a start: %s with %s is %s', async (call, said, code) => {
    const { faults, open } = await failing(call, saying(said));
    faults.on = true;
    await expect(open()).rejects.toMatchObject({ code });
  });

  test('a bug of ours stays one', async () => {
    const { faults, open } = await failing('sync', new RangeError('ours'));
    faults.on = true;
    await expect(open()).rejects.toThrow(RangeError);
  });

  test.each([
    ['EACCES', 'not_writable'],
    ['EMFILE', 'storage_unreadable'],
    ['ENOENT', 'data_damaged'],
  ])('a file that cannot be opened for %s is %s', async (said, code) => {
    const openWith = (): Promise<never> => Promise.reject(saying(said));
    await expect(SeedFile.open('seeds', 0, systemRandom, { openWith, ahead: 8 })).rejects.toMatchObject({
      code,
    });
  });

  test('one that only looks is never told that it cannot write', async () => {
    const openWith = (): Promise<never> => Promise.reject(saying('EACCES'));
    await expect(openFile('seeds', 'look', openWith)).rejects.toMatchObject({ code: 'storage_unreadable' });
  });
});

/** Zeros from a slot on, over what was written. */
async function zero(path: string, from: number): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  await file.write(new Uint8Array(size - HEADER - 32 * from), 0, undefined, HEADER + 32 * from);
  await file.close();
}
