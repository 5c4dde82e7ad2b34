import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { leafIndex } from '../../src/core/units.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { LeafKeys } from '../../src/scrub/leaf-keys.ts';
import { readSoundLog } from '../../src/scrub/sound-log.ts';
import { sealValue } from '../../src/store/checked-store.ts';
import {
  bundleKey,
  edgeKey,
  encodeIndex,
  leafKey,
  retryKey,
  STATE_KEY,
  tileKey,
} from '../../src/store/rows.ts';
import { fill, flipped, type RottingLog, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';

const SIZE = 1_400;

/** Entries that it says are right; undefined when it says that something is wrong. */
async function soundEntries({ log }: RottingLog): Promise<number | undefined> {
  let read = 0;
  try {
    const sound = await readSoundLog(log.stored(), (entries) => {
      read = entries;
    });
    return sound && read;
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

const leafRow = (entry: string): Uint8Array => leafKey(nodeHasher.leafHash(Buffer.from(entry)));
const index = (i: number) => () => encodeIndex(leafIndex(i));
const flip = (at: number) => (value: Uint8Array) => flipped(value, at);

describe('FSCK-5 one reading of a log tells whether all of it is right', () => {
  test('whatever is wrong with a row', async () => {
    const rotting = await rottingLog();
    await fill(rotting.log, 0, SIZE - 50, true);
    await fill(rotting.log, SIZE - 50, SIZE);
    expect(await soundEntries(rotting)).toBe(SIZE);
    const row9 = leafRow('entry 9');
    const spoils: [name: string, key: Uint8Array, spoil: (key: Uint8Array) => Promise<void>][] = [
      ['bundle, a bit', bundleKey(1), (key) => rotting.rot(key, 7)],
      ['bundle, gone', bundleKey(2), rotting.drop],
      ['last bundle, gone', bundleKey(4), rotting.drop],
      ['bundle, an entry', bundleKey(3), (key) => rotting.change(key, flip(2))],
      ['bundle, a length', bundleKey(3), (key) => rotting.change(key, flip(0))],
      ['tile, gone', tileKey(0, 1), rotting.drop],
      ['tile, a leaf', tileKey(0, 1), (key) => rotting.change(key, flip(40))],
      ['tile, an inner hash', tileKey(0, 1), (key) => rotting.change(key, flip(8_192 + 40))],
      ['edge record, an entry', edgeKey(SIZE - 50), (key) => rotting.change(key, flip(3))],
      ['state, the root', STATE_KEY, (key) => rotting.change(key, flip(20))],
      ['leaf index, a bit', row9, (key) => rotting.rot(key)],
      ['leaf index, gone', row9, rotting.drop],
      ['leaf index, cut', row9, (key) => rotting.change(key, (value) => value.slice(1))],
      ['leaf index, a later leaf', row9, (key) => rotting.change(key, index(10))],
      ['leaf index, a leaf of the open bundle', row9, (key) => rotting.change(key, index(SIZE - 1))],
      [
        'leaf index, beyond the tree',
        leafRow('none'),
        (key) => rotting.put(key, sealValue(key, index(SIZE)())),
      ],
      ['retry key, beyond the tree', retryKey(retryKeyNumber(0)), (key) => rotting.change(key, flip(4))],
    ];
    for (const [name, key, spoil] of spoils) {
      const before = rotting.raw(key)?.slice();
      await spoil(key);
      expect([name, await soundEntries(rotting)]).toEqual([name, undefined]);
      await rotting.put(key, before);
    }
    expect(await soundEntries(rotting)).toBe(SIZE);
  }, 30_000);

  test.each([
    ['empty', {}, 0],
    ['no leaf-hash index', { leafHashIndex: false }, 600],
    ['exactly one bundle', {}, 256],
  ] as const)('%s', async (_, options, size) => {
    const rotting = await rottingLog(options);
    await fill(rotting.log, 0, size);
    expect(await soundEntries(rotting)).toBe(size);
  });

  test('equal entries are named by the first of them', async () => {
    const rotting = await rottingLog();
    await rotting.log.append({ entries: Array.from({ length: 600 }, (_, i) => Buffer.from(`${i % 300}`)) });
    expect(await soundEntries(rotting)).toBe(600);
    await rotting.change(leafRow('7'), index(307));
    expect(await soundEntries(rotting)).toBeUndefined();
  });
});

test('keys beyond the limit are not held, and never ticked off', () => {
  const hash = nodeHasher.leafHash(Buffer.from('a'));
  const other = nodeHasher.leafHash(Buffer.from('b'));
  const keys = new LeafKeys(1);
  keys.add(0, [hash, other]);
  keys.add(1, [hash]);
  for (const leaf of [0, 256]) keys.name(leafKey(other), leaf);
  keys.name(leafKey(hash), 0);
  expect(keys.isNamed(0)).toBe(false);
  keys.name(leafKey(other), 1);
  expect([0, 1].map((bundle) => keys.isNamed(bundle))).toEqual([true, false]);
});
