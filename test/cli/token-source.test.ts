import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createToken, readTokens } from '../../src/cli/token-file.ts';
import { tokenSource } from '../../src/cli/token-source.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

/*
 * The tokens of a running server, and what it says where their file cannot be read.
 */

const made = (dataPath: string): Promise<unknown> =>
  createToken({ dataPath, nowMs: 0, random: systemRandom }, { scopes: ['append'], logs: '*' });

/** What stands in the place of the file, and the code that says so. */
const WRONG: readonly [string, (path: string) => Promise<unknown>, string][] = [
  ['a folder', (path) => mkdir(path), 'invalid_config'],
  ['no list', (path) => writeFile(path, '{}'), 'invalid_config'],
  ['what the system does not open', (path) => symlink(path, path), 'storage_unreadable'],
];

describe('CLI-11 tokens that cannot be read have a code', () => {
  test.each(WRONG)('%s', async (_, put, code) => {
    const data = await tempFolder();
    await put(join(data, 'tokens.json'));
    await expect(readTokens(data)).rejects.toMatchObject({ code });
  });

  test('none are none', async () => {
    expect(await readTokens(await tempFolder())).toEqual([]);
  });
});

describe('CLI-10 the tokens of a running server', () => {
  test.each(WRONG)('are read again, and refused where there is now %s', async (_, put, code) => {
    const data = await tempFolder();
    const source = tokenSource(data);
    await made(data);
    expect(await source()).toHaveLength(1);
    const path = join(data, 'tokens.json');
    await rm(path);
    await put(path);
    await expect((async () => source())()).rejects.toMatchObject({ code });
    await rm(path, { recursive: true });
    await made(data);
    await made(data);
    expect(await source()).toHaveLength(2);
    // What is read once is at hand.
    expect(source()).toHaveLength(2);
  });
});
