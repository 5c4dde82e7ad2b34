import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { logPaths, readManifest } from '../../src/sequencer/data-directory.ts';
import { newDataDirectory } from '../support/test-log.ts';

describe('STORE-10 log.json says what a log can be', () => {
  test.each([
    ['name', 'nain'],
    ['kind', 'entrids'],
    ['origin', 'log.example/maim'],
    ['origin', 'log.example/mai'],
    ['vkey', 'log.example/mai+00000000+AA'],
    ['duplicates', 'kex'],
    ['duplicates', undefined],
    ['leafHashIndex', 'true'],
    ['reads', 'publik'],
    ['createdAt', 'yesterday'],
  ])('%s %j is refused', async (field, value) => {
    const dir = await newDataDirectory();
    const path = logPaths(dir, 'main').manifest;
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...manifest, [field]: value }));
    const refusal = { code: 'invalid_config', message: expect.stringContaining(field) };
    await expect(readManifest(dir, 'main')).rejects.toMatchObject(refusal);
  });
});
