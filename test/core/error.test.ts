import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, TlogError } from '../../src/core/error.ts';

const page = await readFile(new URL('../../spec/errors.md', import.meta.url), 'utf8');
/** Code and kind of each row of the page. */
const listed = [...page.matchAll(/^\| `([a-z0-9_]+)` \| ([a-z_]+) \|/gm)].map(([, code, kind]) => [
  code,
  kind,
]);

describe('errors', () => {
  test('are those of spec/errors.md, each once and of the kind that it says', () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[];
    const kinds = codes.map((code) => [code, new TlogError(code, 'why').kind]);
    expect(kinds.toSorted()).toEqual(listed.toSorted());
  });

  test('an error carries its cause and its facts, and none where there are none', () => {
    const cause = new Error('beneath');
    const full = new TlogError('guard_ahead', 'why', { cause, details: { dataSize: 1 } });
    expect([full.cause, full.details, full.message, full.name]).toEqual([
      cause,
      { dataSize: 1 },
      'why',
      'TlogError',
    ]);
    const bare = new TlogError('not_found', 'why');
    expect(['cause' in bare, bare.details]).toEqual([false, {}]);
  });
});
