import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FsckResult, fsckLog } from '../../src/fsck/fsck-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { type InspectedLog, inspectLog } from '../../src/sequencer/inspect-log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey, edgeKey, STATE_KEY, tileKey } from '../../src/store/rows.ts';
import { newDataDirectory } from '../support/test-log.ts';

const SIZE = 70_000;

async function filledDirectory(): Promise<DataDirectory> {
  const dir = await newDataDirectory();
  await using log = await openLog({ dir, clock: systemClock }, 'main');
  for (let from = 0; from < SIZE; from += 4_000) {
    const count = Math.min(4_000, SIZE - from);
    await log.append({ entries: Array.from({ length: count }, (_, i) => Buffer.from(`entry ${from + i}`)) });
  }
  return dir;
}

async function fsck(dir: DataDirectory): Promise<FsckResult> {
  await using log = await inspectLog(dir, 'main');
  return await fsckLog(log, { hasher: nodeHasher, verifyHead: () => undefined });
}

/** Changes one row and seals it again, so that only its content is wrong. */
async function change(dir: DataDirectory, key: Uint8Array, edit: (value: Uint8Array) => void): Promise<void> {
  const store = new CheckedStore(await LevelStore.open(join(dir.dataPath, 'logs/main/db')));
  await store.accept();
  const value = new Uint8Array((await store.get(key)) ?? []);
  edit(value);
  await store.commit({ puts: [{ key, value }], deletes: [] });
  await store.close();
}

const flip = (at: number) => (value: Uint8Array) => {
  value[at] = (value[at] ?? 0) ^ 1;
};

describe('FSCK-5 all rows of a data directory', () => {
  test.each([
    ['public', 1],
    ['token', 2],
  ] as const)('are those of the tree that they make, also before its head was signed: %s', async (reads, size) => {
    const dir = await newDataDirectory(reads === 'public' ? {} : { reads });
    const old = `${dir.guardPath}.old`;
    for (const entry of ['one', 'two'].slice(0, size)) {
      await rm(old, { recursive: true, force: true });
      await cp(dir.guardPath, old, { recursive: true });
      await using log = await openLog({ dir, clock: systemClock }, 'main');
      await log.append({ entries: [Buffer.from(entry)] });
    }
    await using signed = await inspectLog(dir, 'main');
    expect(await treeOf(signed)).toEqual([reads, size, size]);
    await signed[Symbol.asyncDispose]();
    await using unsigned = await inspectLog({ ...dir, guardPath: old }, 'main');
    expect(await treeOf(unsigned)).toEqual([reads, size - 1, size]);
  });
});

/** Who may read, the size of the signed head, and that of the tree. */
async function treeOf(log: InspectedLog): Promise<[string, number, number]> {
  const stored = await log.stored();
  return [stored.reads, log.head.size, stored.tree().head.size];
}

describe('FSCK on a data directory', () => {
  test('a true log is right, and each changed row is named', async () => {
    const dir = await filledDirectory();
    expect(await fsck(dir)).toMatchObject({ entries: SIZE });
    const rows: [Uint8Array, number, object][] = [
      [bundleKey(3), 5, { part: 'entry', index: 768 }],
      [tileKey(0, 7), 33, { part: 'entry', index: 7 * 256 + 1 }],
      [tileKey(1, 0), 0, { part: 'tile', level: 1, index: 0 }],
    ];
    for (const [key, at, difference] of rows) {
      await change(dir, key, flip(at));
      expect((await fsck(dir)).difference).toMatchObject(difference);
      await change(dir, key, flip(at));
    }
    expect((await fsck(dir)).difference).toBeUndefined();
  });

  test.each([
    ['state', STATE_KEY, 10],
    ['an open entry', edgeKey(256), 3],
  ])('a wrong %s refuses fsck and start alike', async (_, key, at) => {
    const dir = await newDataDirectory();
    const log = await openLog({ dir, clock: systemClock }, 'main');
    await log.append({ entries: Array.from({ length: 300 }, (__, i) => Buffer.from(`entry ${i}`)) });
    await log.close();
    await change(dir, key, flip(at));
    await expect(fsck(dir)).rejects.toMatchObject({ code: 'data_damaged' });
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
    });
  });
});
