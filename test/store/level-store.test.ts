import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Slices } from '../../src/runtime/slices.ts';
import { CheckedStore, sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { Store } from '../../src/store/store.ts';
import { tempFolder } from '../support/temp-folder.ts';

const key = (name: string): Uint8Array => new TextEncoder().encode(name);

describe('STORE-1 opening', () => {
  test('never creates: an absent database is refused and stays absent', async () => {
    const path = join(await tempFolder(), 'db');
    await expect(LevelStore.open(path)).rejects.toMatchObject({ code: 'data_damaged' });
    const made = await LevelStore.create(path);
    await made.close();
    await expect(LevelStore.create(path)).rejects.toMatchObject({ code: 'data_exists' });
    await rm(join(path, 'CURRENT'));
    await expect(LevelStore.open(path)).rejects.toMatchObject({ code: 'data_damaged' });
  });
});

describe('STORE-2 the check of a value is bound to its key', () => {
  test('a value comes back, under its key only', () => {
    const sealed = sealValue(key('a'), key('value'));
    expect(unsealValue(key('a'), sealed)).toEqual(key('value'));
    expect(() => unsealValue(key('b'), sealed)).toThrowError(/fails its check/);
  });

  test('every flipped bit and every truncation is found', () => {
    const sealed = sealValue(key('a'), key('v'));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = sealed.slice();
      flipped[Math.floor(bit / 8)] = (flipped[Math.floor(bit / 8)] ?? 0) ^ (2 ** (bit % 8));
      expect(() => unsealValue(key('a'), flipped)).toThrowError(/fails its check/);
    }
    for (let n = 0; n < sealed.length; n += 1) {
      expect(() => unsealValue(key('a'), sealed.subarray(0, n))).toThrowError(/fails its check/);
    }
  });

  test('reads and iteration go through it', async () => {
    const path = join(await tempFolder(), 'db');
    const level = await LevelStore.create(path);
    const store = new CheckedStore(level);
    expect(await store.commit({ puts: [{ key: key('a'), value: key('1') }], deletes: [] })).toBe('committed');
    expect(Buffer.from((await store.get(key('a'))) ?? []).toString()).toBe('1');
    const both = await store.getMany([key('a'), key('b')]);
    expect(both.map((value) => value && Buffer.from(value).toString())).toEqual(['1', undefined]);
    await level.commit({ puts: [{ key: key('b'), value: sealValue(key('a'), key('1')) }], deletes: [] });
    expect(() => store.get(key('b'))).toThrowError(/fails its check/);
    const walk = async () => {
      for await (const _ of store.iterate({ start: key('a'), end: key('z') })) expect(_).toBeDefined();
    };
    await expect(walk()).rejects.toMatchObject({ code: 'storage_corrupt' });
    await store.close();
  });
});

describe('STORE-2 a long row that was read in the pool is checked in slices', () => {
  const MIB = 1024 * 1024;
  const long = Buffer.alloc(5 * MIB + 7, 'value');
  const read = async (stored: readonly (Uint8Array | undefined)[]) => {
    const engine: Pick<Store, 'getMany'> = { getMany: async () => stored };
    let turns = 0;
    const slices = new Slices({ bytes: 2 * MIB, steps: 1_000 }, async () => {
      turns += 1;
    });
    const names = stored.map((_, i) => key(`${i}`));
    const found = await new CheckedStore(engine as Store).getMany(names, { inPool: true, slices });
    return { found, turns };
  };

  test('with a turn after they came, and after each slice', async () => {
    const rows = [sealValue(key('0'), long), undefined, sealValue(key('2'), key('short'))];
    const { found, turns } = await read(rows);
    expect(found.map((value) => value?.length)).toEqual([long.length, undefined, 5]);
    expect(Buffer.compare(found[0] ?? key(''), long)).toBe(0);
    expect(turns).toBe(3);
  });

  test('short ones without any', async () => {
    expect((await read([sealValue(key('0'), key('short'))])).turns).toBe(0);
  });

  test.each([
    0,
    MIB - 1,
    MIB,
    5 * MIB,
    long.length - 1,
    long.length,
    long.length + 3,
  ])('a bit that flipped in byte %i is found', async (at) => {
    const sealed = sealValue(key('0'), long).slice();
    sealed[at] = (sealed[at] ?? 0) ^ 1;
    await expect(read([sealed])).rejects.toMatchObject({ code: 'storage_corrupt' });
  });

  test.each([0, 3, 4, 5 * MIB])('of it only %i bytes', async (length) => {
    const sealed = sealValue(key('0'), long).subarray(0, length);
    await expect(read([sealed])).rejects.toMatchObject({ code: 'storage_corrupt' });
  });
});

describe('STORE-3 after a failed write every later commit is unknown', () => {
  test('also when the engine would take it', async () => {
    const store = await LevelStore.create(join(await tempFolder(), 'db'));
    await store.close();
    const batch = { puts: [{ key: key('a'), value: key('1') }], deletes: [] };
    expect(await store.commit(batch)).toBe('unknown');
    expect(await store.commit(batch)).toBe('unknown');
    expect(store.lastError).toBeDefined();
  });
});

describe('STORE-2 a row in a block that LevelDB cannot read is named', () => {
  const broken = Object.assign(new Error('corrupted compressed block contents'), {
    code: 'LEVEL_CORRUPTION',
  });
  const silent = Object.assign(new Error('Input/output error'), { code: 'LEVEL_IO_ERROR' });
  const none = (): never => {
    throw new Error('not asked in this test');
  };
  const storeThatFails = (error: Error): Promise<LevelStore> =>
    LevelStore.open('nowhere', () => ({
      open: async () => undefined,
      getSync: (asked) => {
        if (asked[0] === 0x62) throw error;
        return asked;
      },
      getMany: async () => Promise.reject(error),
      batch: none,
      iterator: none,
      close: async () => undefined,
    }));

  test.each([
    ['alone', (store: LevelStore) => store.get(key('b'))],
    ['among few', (store: LevelStore) => store.getMany([key('a'), key('b')])],
    ['in the pool', (store: LevelStore) => store.getMany([key('a'), key('b')], { inPool: true })],
  ])('%s', async (_, read) => {
    const damaged = await storeThatFails(broken);
    await expect(async () => read(damaged)).rejects.toMatchObject({ code: 'storage_corrupt' });
    const noisy = await storeThatFails(silent);
    await expect(async () => read(noisy)).rejects.toBe(silent);
  });
});
