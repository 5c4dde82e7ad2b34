import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, TlogError } from '../../src/core/error.ts';
import { problemOf, STATUS_OF_KIND } from '../../src/http/problem.ts';

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

describe('what is told of our own faults', () => {
  test.each<[string, unknown, string]>([
    ['a bug', new TypeError('x is secret'), 'the server failed: the outcome is unknown'],
    [
      'a check that failed',
      new TlogError('commit_unknown', 'secret'),
      'the server failed: the outcome is unknown',
    ],
    [
      'damaged bytes',
      new TlogError('storage_corrupt', 'secret', { details: { row: 'secret' } }),
      'stored bytes that this needs are damaged and are not given out: GET audit names them, and the operator has to repair them',
    ],
  ])('%s: nothing of what is in here', (_, thrown, detail) => {
    const { status, body } = problemOf(thrown);
    expect([status, JSON.parse(body)]).toEqual([
      500,
      { type: 'about:blank', status: 500, code: codeOf(thrown), detail },
    ]);
  });
  const codeOf = (thrown: unknown): string => (thrown instanceof TlogError ? thrown.code : 'internal');
});
