import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from './desk.ts';

/* Pages that promise something name the test behind it, as `[text](../../test/….test.ts) "name" "name"`. A test that is
 * renamed or goes takes its promise with it, unless it is said anew. */

const NAMED = /\]\(\.\.\/\.\.\/(test\/[\w/.-]+\.test\.ts)\)((?: "[^"]+")+)/g;

function namedTests(text: string): { file: string; name: string }[] {
  return [...text.matchAll(NAMED)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
  );
}

/** Rows of the tables whose last column is "the test". */
function promises(page: string): string[] {
  const tables = page.split('\n\n').filter((block) => /^\|.*\| the test \|\n/.test(block));
  return tables.flatMap((table) => table.trimEnd().split('\n').slice(2));
}

describe.each([
  ['docs/explanation/threat-model.md', 20],
  ['docs/explanation/durability.md', 15],
  ['docs/reference/invariants.md', 32],
])('%s', (path, rowsMin) => {
  const read = () => readFile(join(ROOT, path), 'utf8');

  test('each promise has a test', async () => {
    const rows = promises(await read());
    expect(rows.length).toBeGreaterThanOrEqual(rowsMin);
    const bare = rows.filter((row) => namedTests(row).length === 0);
    expect(bare).toEqual([]);
  });

  test('each named test is there', async () => {
    const named = namedTests(await read());
    const texts = await Promise.all(named.map(({ file }) => readFile(join(ROOT, file), 'utf8')));
    expect(named.filter(({ name }, i) => !texts[i]?.includes(name))).toEqual([]);
  });
});

test('each invariant has its row, in order', async () => {
  const page = await readFile(join(ROOT, 'docs/reference/invariants.md'), 'utf8');
  const numbered = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
  const named = promises(page).map((row) => row.split(' | ')[0]?.replace('| ', ''));
  expect(named).toEqual([...numbered('S', 20), ...numbered('E', 7), ...numbered('L', 5)]);
});

test('a name that is not there, and a row without one, are seen', () => {
  const row = '| a | b | [x](../../test/docs/named-tests.test.ts) "one" "two" |';
  expect(namedTests(row).map(({ name }) => name)).toEqual(['one', 'two']);
  expect(promises(`| a | b | the test |\n|---|---|---|\n${row}\n| c | d | none |`)).toHaveLength(2);
  expect(namedTests('| c | d | none |')).toEqual([]);
});
