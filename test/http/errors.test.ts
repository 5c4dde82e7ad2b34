import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/error.ts';
import { STATUS_OF_KIND } from '../../src/http/problem.ts';

const page = await readFile(new URL('../../spec/errors.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

describe('spec/errors.md', () => {
  test.each(Object.entries(ERROR_CODES))('says the status of %s, what it means, what to do', (code, {
    kind,
  }) => {
    const row = rows.find(([cell]) => cell === `\`${code}\``);
    expect(row?.[2]).toBe(`${STATUS_OF_KIND[kind]}`);
    expect(row?.slice(3)).toEqual([expect.stringMatching(/\.$/), expect.stringMatching(/\.$/)]);
  });
});
