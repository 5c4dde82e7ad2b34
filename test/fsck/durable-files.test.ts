import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DurableFiles } from '../../src/fsck/durable-files.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('BACKUP-1 a file that a disk does not take has a code', () => {
  test.each<[string, string]>([
    ['a name that is too long', 'x'.repeat(300)],
    ['a file on the way', 'file/within'],
    ['a folder of this name', 'folder'],
  ])('%s', async (_, name) => {
    const root = await tempFolder();
    const files = new DurableFiles(root);
    await files.write('file', 'text');
    await mkdir(join(root, 'folder', 'within'), { recursive: true });
    await expect(files.write(name, '')).rejects.toMatchObject({ code: 'commit_unknown' });
  });
});
