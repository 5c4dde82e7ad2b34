import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Stands for dist/cli/main.js and the compiler: notes how it was called, and answers as told. */
const STUB = `#!/usr/bin/env node
import { appendFileSync } from 'node:fs';
const [command] = process.argv.slice(2);
appendFileSync(process.env.CALLS, JSON.stringify(process.argv.slice(2)) + '\\n');
if (command === 'init' && process.env.INIT) { console.error(process.env.INIT); process.exit(1); }
if (command === 'init') console.log('{"logs":[],"token":"stele_t"}');
if (command === 'serve' && process.env.SAY) console.error(process.env.SAY);
if (command === 'serve') {
  console.log('{"url":"http://127.0.0.1:9","logs":[{"name":"main","kind":"entries","origin":"stele.invalid/x/main","vkey":"v+1+A","reads":"public"}' + (process.env.MORE ?? '') + ']}');
  process.exitCode = 5;
}
`;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-start-'));
  for (const folder of ['src/cli', 'dist/cli', 'scripts', 'node_modules/typescript/bin']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await cp(new URL('../../scripts/start.mjs', import.meta.url).pathname, join(root, 'scripts/start.mjs'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'src/cli/main.ts'), '');
  await writeFile(join(root, 'node_modules/typescript/package.json'), '{"type":"module"}');
  await writeFile(join(root, 'node_modules/typescript/bin/tsc'), STUB);
  await writeFile(join(root, 'dist/cli/main.js'), STUB);
  await utimes(join(root, 'dist/cli/main.js'), 4e9, 4e9);
});
afterEach(() => rm(root, { recursive: true }));

async function start(args: string[] = [], env: Record<string, string> = {}) {
  const calls = join(root, 'calls');
  await writeFile(calls, '');
  const ran = spawnSync(process.execPath, [join(root, 'scripts/start.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...env, CALLS: calls },
  });
  const called = (await readFile(calls, 'utf8')).trim().split('\n');
  return { ...ran, called: called.map((line): unknown => JSON.parse(line)) };
}

describe('CLI-40 npm start', () => {
  test('makes a data directory, serves, prints the token and ends as the server does', async () => {
    const ran = await start(['--listen', ':0', '--data', 'a b']);
    expect(ran.called).toEqual([
      ['init', '--json', '--data', 'a b'],
      ['serve', '--json', '--listen', ':0', '--data', 'a b'],
    ]);
    expect(ran.status).toBe(5);
    expect(ran.stdout).toContain('http://127.0.0.1:9\n');
    expect(ran.stdout).toContain('--token stele_t --server http://127.0.0.1:9\n');
    expect(ran.stdout).toContain('A real origin never changes');
  });

  test('a second start says how to make a token', async () => {
    const ran = await start(['--data=a b'], { INIT: '{"error":{"code":"data_exists"}}' });
    expect(ran.stdout).toContain("npx stele token create '--data=a b'\n");
    expect(ran.status).toBe(5);
  });

  test.each([
    ['', "npx stele logs create audit --kind events '--data=a b'\n"],
    [',{"name":"audit","kind":"events","vkey":"v+2+A"}', undefined],
  ])('with %j beside main it says how to make a log of events: %j', async (MORE, said) => {
    const { stdout } = await start(['--data=a b'], { MORE });
    if (said === undefined) expect(stdout).not.toContain('logs create');
    else expect(stdout).toContain(said);
  });

  test('when init fails otherwise nothing is served', async () => {
    const ran = await start([], { INIT: 'disk full' });
    expect([ran.status, ran.called]).toEqual([70, [['init', '--json']]]);
    expect(ran.stderr).toContain('disk full');
    const refused = await start([], { INIT: '{"error":{"code":"x","message":"not here"}}' });
    expect(refused.stderr).toBe('stele: cannot make a data directory: not here\n');
  });

  test.each([
    ['{"error":{"code":"data_locked","message":"stop it first"}}', 'stele: data_locked: stop it first\n'],
    ['{"level":"warn","msg":"a"}', '{"level":"warn","msg":"a"}\n'],
    ['null', 'null\n'],
    ['at internal:main {', 'at internal:main {\n'],
  ])('what the server says on stderr, %s, is told', async (said, told) => {
    expect((await start([], { SAY: said })).stderr).toBe(told);
  });

  test('builds first when dist/ is older than src/', async () => {
    await utimes(join(root, 'dist/cli/main.js'), 1, 1);
    expect((await start()).called[0]).toEqual(['-p', 'tsconfig.build.json']);
    // npx makes it executable when it first sees it; a build afterwards must do so itself.
    expect((await stat(join(root, 'dist/cli/main.js'))).mode & 0o111).toBe(0o111);
  });
});
