import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeMonitorGuard } from '../../src/monitor/monitor-directory.ts';
import type { Guard } from '../../src/store/guard.ts';
import { encodeSlot } from '../../src/store/guard-slot.ts';
import { FRESH_MARK, originHash } from '../../src/witness/witness-record.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ORIGIN = 'log.example/main';
const slot = encodeSlot(FRESH_MARK);

/** Takes a guard whose folder has these files; undefined: there is no folder. */
async function taking(
  files: Readonly<Record<string, Buffer>> | undefined,
  hasRecord: boolean,
): Promise<Guard> {
  const root = await tempFolder();
  const dir = { dataPath: join(root, 'data'), guardPath: join(root, 'guard') };
  const folder = join(dir.guardPath, originHash(ORIGIN));
  if (files !== undefined) await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files ?? {})) await writeFile(join(folder, name), bytes);
  return takeMonitorGuard(dir, ORIGIN, hasRecord);
}

describe('MONITOR-4 the guard of a log', () => {
  test.each<[string, Readonly<Record<string, Buffer>> | undefined]>([
    ['is not there', undefined],
    ['has no file yet', {}],
    ['has an empty file', { 'owner.0': Buffer.alloc(0) }],
    ['has zeros, as a power cut leaves them', { 'owner.0': Buffer.alloc(8_192) }],
    ['has half a mark', { 'owner.0': slot.subarray(0, 2_048) }],
    ['is whole, and was never taken over', { 'owner.0': slot }],
    ['is whole, and a take-over of it was cut short', { 'owner.0': slot, 'owner.1': Buffer.alloc(0) }],
  ])('that without a record %s: the log is new', async (_, files) => {
    const guard = await taking(files, false);
    expect(guard.mark).toEqual(FRESH_MARK);
    await guard.close();
  });

  test.each<[string, Readonly<Record<string, Buffer>>]>([
    ['was taken over and has no mark any more', { 'owner.1': Buffer.alloc(8_192) }],
    ['has no mark in either file', { 'owner.0': Buffer.alloc(0), 'owner.1': Buffer.alloc(0) }],
  ])('that without a record %s: it is refused', async (_, files) => {
    await expect(taking(files, false)).rejects.toMatchObject({ code: 'guard_unreadable' });
  });

  test.each<[string, Readonly<Record<string, Buffer>> | undefined, string]>([
    ['no folder', undefined, 'guard_missing'],
    ['no file', {}, 'guard_missing'],
    ['an empty file', { 'owner.0': Buffer.alloc(0) }, 'guard_unreadable'],
  ])('that has a record is refused: %s', async (_, files, code) => {
    await expect(taking(files, true)).rejects.toMatchObject({ code });
  });
});
