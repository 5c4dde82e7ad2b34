import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as client from '../../src/client/client.ts';
import * as core from '../../src/core/core.ts';
import { startServedLog, TOKEN } from '../support/served-logs.ts';

const AsyncFunction = (async () => undefined).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<unknown>;

/** The imports of an example, and its code without them. */
function taken(example: string): { names: string[]; from: string[]; code: string } {
  const imports = [...example.matchAll(/^import \{ (.+) \} from '(.+)';$/gm)];
  return {
    names: imports.flatMap((line) => (line[1] ?? '').split(', ')),
    from: imports.map((line) => line[2] ?? ''),
    code: example.replaceAll(/^import .*$/gm, ''),
  };
}

test('the example of docs/how-to/use-from-a-program.md does what it says', async () => {
  const page = await readFile('docs/how-to/use-from-a-program.md', 'utf8');
  const { names, from, code } = taken(/^```js\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '');
  expect(from).toEqual(['stele/client', 'stele/core']);
  const { logUrl, vkey } = await startServedLog(2);
  const seen: unknown[] = [];
  const exported = { ...core, ...client } as Readonly<Record<string, unknown>>;
  const given = { logUrl, vkey, token: TOKEN, seen };
  const run = new AsyncFunction(
    ...names,
    ...Object.keys(given),
    `${code}\nreturn { entry, receipt, upgraded };`,
  );
  const { entry, receipt, upgraded } = (await run(
    ...names.map((name) => exported[name]),
    ...Object.values(given),
  )) as { entry: Uint8Array; receipt: core.Receipt; upgraded: core.Receipt };
  expect(Buffer.from(entry).toString()).toBe('user 7 logged in');
  expect([receipt.index, upgraded.index, seen.length]).toEqual([2, 2, 6]);
});
