import { mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BlobFolder } from '../../src/events/blobs.ts';
import { tempFolder } from '../support/temp-folder.ts';

const name = new Uint8Array(16).fill(0xab);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('STORE-13 files of encrypted verbatim bytes', () => {
  test('are for their owner alone, and never written over', async () => {
    const folder = join(await tempFolder(), 'raw');
    const blobs = new BlobFolder(folder);
    await blobs.write(name, bytes('first'));
    await expect(blobs.write(name, bytes('other'))).rejects.toMatchObject({
      ...{ code: 'commit_unknown', cause: { code: 'EEXIST' } },
    });
    expect(Buffer.from(await blobs.read(name)).toString()).toBe('first');
    const modes = [folder, join(folder, 'ab'.repeat(16))].map(
      async (path) => (await stat(path)).mode & 0o777,
    );
    expect(await Promise.all(modes)).toEqual([0o700, 0o600]);
  });

  test('that are gone are damage, where there is no folder too', async () => {
    const blobs = new BlobFolder(join(await tempFolder(), 'raw'));
    await expect(blobs.read(name)).rejects.toMatchObject({ code: 'storage_corrupt' });
    await blobs.keepOnly([]);
  });

  test('that the system does not let be read are no damage', async () => {
    const folder = join(await tempFolder(), 'raw');
    const blobs = new BlobFolder(folder);
    await mkdir(folder);
    const file = 'ab'.repeat(16);
    await symlink(file, join(folder, file));
    await expect(blobs.read(name)).rejects.toMatchObject({
      code: 'storage_unreadable',
      cause: { code: 'ELOOP' },
    });
  });

  test('that the disk does not take, and what cannot be looked through or removed, have a code', async () => {
    const folder = join(await tempFolder(), 'raw');
    await symlink('raw', folder);
    const blobs = new BlobFolder(folder);
    await expect(blobs.write(name, bytes('x'))).rejects.toMatchObject({
      code: 'commit_unknown',
      message: expect.stringContaining(folder),
    });
    await expect(blobs.keepOnly([])).rejects.toMatchObject({ code: 'storage_unreadable' });
    await rm(folder);
    await mkdir(join(folder, 'a-folder'), { recursive: true });
    await expect(blobs.keepOnly([])).rejects.toMatchObject({
      code: 'storage_unreadable',
      message: expect.stringContaining('a-folder'),
    });
  });

  test('stay where a row names them', async () => {
    const folder = join(await tempFolder(), 'raw');
    const blobs = new BlobFolder(folder);
    for (const each of [name, new Uint8Array(16)]) await blobs.write(each, bytes('x'));
    await blobs.keepOnly([name]);
    expect(await readdir(folder)).toEqual(['ab'.repeat(16)]);
  });
});
