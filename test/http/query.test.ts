import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { queryOf } from '../../src/http/query.ts';

/** What a handler reads from an address, as JSON; a refusal as its code. */
async function read(query: string): Promise<string> {
  const app = new Hono();
  app.get('/', (c) => c.text(JSON.stringify([...queryOf(c, ['index', 'treeSize'])])));
  app.onError((error, c) => c.text(error instanceof TlogError ? error.code : 'bug'));
  return (await app.request(`/${query}`)).text();
}

describe('HTTP-24 query parameters have one meaning', () => {
  test.each([
    ['', []],
    ['?', []],
    ['?index=7', [['index', '7']]],
    [
      '?treeSize=9&index=7',
      [
        ['treeSize', '9'],
        ['index', '7'],
      ],
    ],
    ['?index=', [['index', '']]],
    ['?index', [['index', '']]],
    ['?index=%37', [['index', '7']]],
    ['?index=1+2', [['index', '1 2']]],
    ['?index=a=b', [['index', 'a=b']]],
    ['?&index=7&', [['index', '7']]],
  ])('%s is read', async (query, expected) => {
    expect(await read(query)).toBe(JSON.stringify(expected));
  });

  test.each([
    '?index=1&index=1',
    '?other=1',
    '?Index=1',
    '?index=1&other',
    '?index=%zz',
    '?index=%ff',
    '?=1',
  ])('%s is refused', async (query) => {
    expect(await read(query)).toBe('invalid_parameter');
  });
});
