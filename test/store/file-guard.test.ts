import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { treeSize } from '../../src/core/units.ts';
import { createFileGuard, FileGuard, readFileGuard } from '../../src/store/file-guard.ts';
import type { GuardMark } from '../../src/store/guard.ts';
import { type GuardFiles, nodeGuardFiles } from '../../src/store/guard-files.ts';
import { decodeSlot, encodeSlot, SLOT_BYTES } from '../../src/store/guard-slot.ts';
import { tempFolder } from '../support/temp-folder.ts';

function mark(size: number, root = size): GuardMark {
  return { size: treeSize(size), rootHash: new Uint8Array(32).fill(root), note: `note ${size}\n` };
}

async function newGuard(size = 0): Promise<string> {
  const folder = join(await tempFolder(), 'guard', 'main');
  await createFileGuard(folder, mark(size));
  return folder;
}

function codeOf(error: unknown): string {
  return error instanceof TlogError ? error.code : String(error);
}

describe('GUARD-1 making and taking over', () => {
  test('a new guard holds its mark and is never made over an old one', async () => {
    const folder = await newGuard(0);
    expect(await readFileGuard(folder)).toEqual(mark(0));
    await expect(createFileGuard(folder, mark(0))).rejects.toMatchObject({ code: 'data_exists' });
  });

  test('a take-over keeps the largest mark, raises the number and removes lower files', async () => {
    const folder = await newGuard(7);
    const guard = await FileGuard.takeOver(folder);
    expect(guard.mark).toEqual(mark(7));
    expect(await readdir(folder)).toEqual(['owner.1']);
    await guard.close();
  });

  test('of two owners the earlier is superseded and its mark is not lost', async () => {
    const folder = await newGuard(1);
    const first = await FileGuard.takeOver(folder);
    expect(await first.raise(mark(2))).toBe('raised');
    const second = await FileGuard.takeOver(folder);
    expect(second.mark.size).toBe(2);
    expect(await first.raise(mark(3))).toBe('superseded');
    expect(await second.raise(mark(4))).toBe('raised');
    await first.close();
    await second.close();
  });

  test('a take-over is over when no power cut can bring a lower file back', async () => {
    const folder = await newGuard(1);
    const calls: string[] = [];
    const files: GuardFiles = {
      ...nodeGuardFiles,
      unlink: (path) => {
        calls.push('unlink');
        return nodeGuardFiles.unlink(path);
      },
      syncFolder: (path) => {
        calls.push('sync');
        return nodeGuardFiles.syncFolder(path);
      },
    };
    const guard = await FileGuard.takeOver(folder, files);
    expect(calls).toEqual(['sync', 'unlink', 'sync']);
    await guard.close();
  });

  test('a lower file that a later owner has removed already is no error', async () => {
    const folder = await newGuard(1);
    const files: GuardFiles = {
      ...nodeGuardFiles,
      unlink: async (path) => {
        await nodeGuardFiles.unlink(path);
        await nodeGuardFiles.unlink(path);
      },
    };
    const guard = await FileGuard.takeOver(folder, files);
    expect(await readdir(folder)).toEqual(['owner.1']);
    await guard.close();
  });

  test('two take-overs at once end with at most one owner', async () => {
    const folder = await newGuard(5);
    const all = await Promise.allSettled([1, 2, 3].map(() => FileGuard.takeOver(folder)));
    const owners = all.filter((one) => one.status === 'fulfilled').map((one) => one.value);
    const raised = await Promise.all(owners.map((guard) => guard.raise(mark(6))));
    expect(raised.filter((outcome) => outcome === 'raised').length).toBeLessThanOrEqual(1);
    expect((await readFileGuard(folder)).size).toBeGreaterThanOrEqual(5);
    for (const guard of owners) await guard.close();
  });
});

describe('GUARD-2 slots', () => {
  test('are written in turn, so that the mark before survives a torn write', async () => {
    const folder = await newGuard(0);
    const guard = await FileGuard.takeOver(folder);
    await guard.raise(mark(1));
    await guard.raise(mark(2));
    await guard.close();
    const path = join(folder, 'owner.1');
    const bytes = await readFile(path);
    const slots = [bytes.subarray(0, SLOT_BYTES), bytes.subarray(SLOT_BYTES)].map(decodeSlot);
    expect(slots.map((slot) => slot?.size).sort()).toEqual([1, 2]);
    bytes[slots[0]?.size === 2 ? 100 : SLOT_BYTES + 100] = 0xff;
    await writeFile(path, bytes);
    expect((await readFileGuard(folder)).size).toBe(1);
  });

  test.each([
    0, 8, 20, 48, 49, 60, 4063, 4095,
  ])('a flipped bit at byte %i makes a slot worth nothing', (at) => {
    const slot = encodeSlot(mark(9));
    slot[at] = (slot[at] ?? 0) ^ 1;
    expect(decodeSlot(slot)).toBeUndefined();
  });
});

describe('GUARD-3 refusals', () => {
  const refused: [string, (folder: string) => Promise<void>, string][] = [
    ['folder gone', (folder) => rm(folder, { recursive: true }), 'guard_missing'],
    ['no owner file', (folder) => rm(join(folder, 'owner.0')), 'guard_missing'],
    ['no valid slot', (folder) => writeFile(join(folder, 'owner.0'), Buffer.alloc(8192)), 'guard_unreadable'],
    [
      'two roots for a size',
      (folder) => writeFile(join(folder, 'owner.4'), encodeSlot(mark(0, 9))),
      'guard_conflict',
    ],
  ];
  test.each(refused)('%s', async (_, damage, code) => {
    const folder = await newGuard(0);
    await damage(folder);
    expect(codeOf(await FileGuard.takeOver(folder).catch((error: unknown) => error))).toBe(code);
  });

  test('an empty file of a take-over that died counts for the number only', async () => {
    const folder = await newGuard(3);
    await writeFile(join(folder, 'owner.1'), '');
    const guard = await FileGuard.takeOver(folder);
    expect(guard.mark.size).toBe(3);
    expect(await readdir(folder)).toEqual(['owner.2']);
    await guard.close();
  });

  test('a raise sees a rival that has only just made its file', async () => {
    const folder = await newGuard(3);
    const guard = await FileGuard.takeOver(folder);
    await writeFile(join(folder, 'owner.2'), '');
    expect(await guard.raise(mark(4))).toBe('superseded');
    expect(guard.mark.size).toBe(3);
    await guard.close();
  });

  test('a guard removed under its owner is not raised', async () => {
    const folder = await newGuard(3);
    const guard = await FileGuard.takeOver(folder);
    await rm(join(folder, 'owner.1'));
    expect(await guard.raise(mark(4))).toBe('superseded');
    await guard.close();
  });
});
