import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportTiles } from '../../src/fsck/export-tiles.ts';
import { TileFolder } from '../../src/fsck/tile-folder.ts';
import { MemoryLog } from '../support/memory-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(folder.length + 1))
    .sort();
}

describe('FSCK-3 an export is what tlog-tiles names', () => {
  test.each([
    [0, ['checkpoint']],
    [1, ['checkpoint', 'tile/0/000.p/1', 'tile/entries/000.p/1']],
    [256, ['checkpoint', 'tile/0/000', 'tile/1/000.p/1', 'tile/entries/000']],
    [
      257,
      [
        'checkpoint',
        'tile/0/000',
        'tile/0/001.p/1',
        'tile/1/000.p/1',
        'tile/entries/000',
        'tile/entries/001.p/1',
      ],
    ],
  ])('size %i', async (size, files) => {
    const log = new MemoryLog(size);
    const folder = await tempFolder();
    await exportTiles(log, folder);
    expect(await filesIn(folder)).toEqual(files);
    expect(await readFile(join(folder, 'checkpoint'), 'utf8')).toBe(log.head.note);
  });

  test('a missing tile leaves no checkpoint', async () => {
    const log = new MemoryLog(257);
    log.readTile = () => undefined;
    const folder = await tempFolder();
    await expect(exportTiles(log, folder)).rejects.toMatchObject({ code: 'storage_corrupt' });
    expect(await filesIn(folder)).not.toContain('checkpoint');
  });
});

describe('FSCK-3 links and pipes in a folder of tiles', () => {
  test.each([
    'checkpoint',
    'checkpoint.new',
    'tile/0/000.p/1.new',
  ])('%s, a link to another file, is not followed', async (name) => {
    const folder = await tempFolder();
    const other = join(await tempFolder(), 'other');
    await writeFile(other, 'mine');
    await mkdir(join(folder, 'tile/0/000.p'), { recursive: true });
    await symlink(other, join(folder, name));
    const log = new MemoryLog(1);
    await exportTiles(log, folder);
    expect(await readFile(other, 'utf8')).toBe('mine');
    expect(await filesIn(folder)).toEqual(['checkpoint', 'tile/0/000.p/1', 'tile/entries/000.p/1']);
  });

  test('a folder that is a link out of the root takes nothing', async () => {
    const [folder, other] = [await tempFolder(), await tempFolder()];
    await symlink(other, join(folder, 'tile'));
    const refused = exportTiles(new MemoryLog(1), folder);
    await expect(refused).rejects.toMatchObject({ code: 'data_exists' });
    expect(await filesIn(other)).toEqual([]);
  });

  test('the root may be a link', async () => {
    const folder = await tempFolder();
    await symlink(folder, `${folder}/link`);
    await exportTiles(new MemoryLog(1), `${folder}/link`);
    expect(await filesIn(folder)).toContain('checkpoint');
  });

  test('a pipe or a device in place of a file is no file, and nobody waits for it', async () => {
    const folder = await tempFolder();
    execFileSync('mkfifo', [join(folder, 'checkpoint')]);
    await mkdir(join(folder, 'tile/0'), { recursive: true });
    await symlink('/dev/zero', join(folder, 'tile/0/000'));
    const tiles = new TileFolder(folder);
    expect(await tiles.checkpoint()).toBeUndefined();
    expect(await tiles.tile({ level: 0, index: 0, width: 256 })).toBeUndefined();
  });
});
