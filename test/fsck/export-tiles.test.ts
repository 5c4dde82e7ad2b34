import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportTiles } from '../../src/fsck/export-tiles.ts';
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
