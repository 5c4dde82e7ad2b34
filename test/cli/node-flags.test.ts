import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

/** Wherever a server is started from, it gets what the first line of the program asks for. */
test.each([
  'scripts/start.mjs',
  'Dockerfile',
  'docs/how-to/run-as-a-service.md',
])('%s starts node with the flags of main.ts', async (file) => {
  const [first = ''] = (await readFile('src/cli/main.ts', 'utf8')).split('\n');
  const [, name = '', value = '', flag = ''] = /^#!\S+ -S (\w+)=(\d+) node (\S+)$/.exec(first) ?? [];
  const text = await readFile(file, 'utf8');
  expect(text).toContain(flag || first);
  expect(text).toMatch(new RegExp(`${name || first}(=|: ')${value}\\b`));
});
