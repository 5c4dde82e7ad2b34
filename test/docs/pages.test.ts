import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { toolMissing } from '../support/outside-tool.ts';
import { ROOT, setDesk } from './desk.ts';
import { complaintsAbout, fencesOf, isRun, isShown, markOf } from './fence.ts';
import { pages, runPage } from './page.ts';

/*
 * What the pages say is done as they say it. page.ts tells how; pages that need Go are done by test/interop.
 */

const cli = compiledCli();
const all = await Promise.all(
  (await pages()).map(async (path) => [path, fencesOf(await readFile(join(ROOT, path), 'utf8'))] as const),
);
const toolsOf = new Map(
  all.map(([path, fences]) => [path, fences.flatMap((fence) => markOf(fence, 'needs') ?? [])]),
);
const run = all.filter(([, fences]) => fences.some(isRun)).map(([path]) => path);

describe('every fence names its language, and says why where it is not run', () => {
  test.each(all)('%s', (_, fences) => {
    expect(fences.flatMap(complaintsAbout)).toEqual([]);
  });
});

describe('pages do what they say', () => {
  const here = run.filter((path) => !toolsOf.get(path)?.includes('go'));

  test.for(here)('%s', { timeout: 240_000 }, async (path, { skip }) => {
    const missing = (toolsOf.get(path) ?? []).flatMap((tool) => toolMissing(tool) ?? []);
    skip(missing.length > 0, missing.join());
    await runPage(path, dirname(dirname(cli.main)));
  });
});

test('npx stele is the command of the checkout, and asks no registry for one', async () => {
  await using desk = await setDesk(dirname(dirname(cli.main)), '127.0.0.1:9');
  const env = { ...desk.env, PATH: process.env['PATH'] ?? '', npm_config_offline: 'true' };
  const { stdout } = spawnSync('npx', ['stele', 'help', 'verify'], {
    cwd: desk.folder,
    env,
    encoding: 'utf8',
  });
  expect(stdout).toContain('Usage: stele verify');
});

describe('the rules see what they are for', () => {
  const fence = (text: string) => fencesOf(text).flatMap(complaintsAbout);

  test.each([
    ['```\na\n```', 'names its language'],
    ['```python\na\n```', 'python'],
    ['```sh often\na\n```', 'often'],
    ['```text file=../x\na\n```', 'file=../x'],
    ['```sh norun\na\n```', 'Not run by a test'],
    ['Not run by a test:\n\n```sh norun\na\n```', 'Not run by a test'],
    ['Not run by a test: far.\n\nOther.\n\n```sh norun\na\n```', 'Not run by a test'],
  ])('refused: %j', (text, why) => {
    expect(fence(text).join()).toContain(why);
  });

  test.each([
    '```sh\na\n```',
    '```sh exit=1 stopped needs=curl\na\n```',
    '<!-- Not run by a test: it needs a daemon. -->\n```sh norun\na\n```',
    '```sh norun\na\n```\n\nNot run by a test: it needs a daemon.',
    '1. step\n\n   ```js file=a.mjs\n   a\n   ```',
  ])('accepted: %j', (text) => {
    expect(fence(text)).toEqual([]);
  });

  test('a fence that is never closed', () => {
    expect(() => fencesOf('a\n```sh\nb\n')).toThrow('line 2');
  });

  test('an indented fence loses its indent', () => {
    expect(fencesOf('1. x\n\n   ```sh\n   a\n     b\n   ```')[0]?.code).toBe('a\n  b\n');
  });

  test.each([
    ['a\nb\n', 'a\nb\n'],
    ['a 1234 b\n', 'a … b\n'],
    ['x\nv: 7\nw\nend\n', '…\nv: …\n…\nend\n'],
    ['end\n', '…\nend\n'],
    ['(a+b)\n', '(a+b)\n'],
  ])('%j is shown by %j', (output, shown) => {
    expect(isShown(output, shown)).toBe(true);
  });

  test.each([
    ['a\nb\n', 'a\n'],
    ['a\n', 'a\nb\n'],
    ['a 12\n3 b\n', 'a … b\n'],
    ['aab\n', '(a+b)\n'],
    ['', 'a\n'],
    ['a\nmore\n', '…\na\n'],
  ])('%j is not shown by %j', (output, shown) => {
    expect(isShown(output, shown)).toBe(false);
  });
});
