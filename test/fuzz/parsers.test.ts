import { describe, expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';
import { coreParsers } from './core-parsers.ts';
import { fileParsers, otherParsers } from './file-parsers.ts';

/* 2,000 cases a parser; `npm run fuzz -- --cases N` has more. A failure prints its seed, its path and the smallest case. */

const CASES = 2_000;
const seed = Date.now() % 2 ** 31;
console.info(`fuzz seed of parsers ${seed}`);

describe('FUZZ-1 a parser refuses with a TlogError, and what it reads has one spelling', () => {
  test.each([...coreParsers, ...otherParsers])('$name', ({ fuzz }) => fuzz({ cases: CASES, seed }));

  test('files of a data directory and of a backup', async () => {
    const targets = await fileParsers(await tempFolder());
    const failed: unknown[] = [];
    for (const { fuzz } of targets) await fuzz({ cases: CASES, seed }).catch((error) => failed.push(error));
    expect(failed).toEqual([]);
  });
});
