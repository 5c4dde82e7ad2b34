import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from './run-cli.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-init-'));
});
afterEach(() => rm(root, { recursive: true }));
const data = (): string[] => ['--data', join(root, 'd'), '--json'];

describe('CLI-13 init', () => {
  test('makes main with its guard and a token for everything, once', async () => {
    const made = JSON.parse((await run(['init', ...data(), '--origin', 'example.org/log'])).stdout);
    const vkey = expect.stringMatching(/^example\.org\/log\/main\+[0-9a-f]{8}\+/);
    expect(made.logs).toEqual([{ name: 'main', kind: 'entries', origin: 'example.org/log/main', vkey }]);
    expect(made.token).toMatch(/^stele_/);
    const [guard] = JSON.parse((await run(['guard', 'show', ...data()])).stdout).guards;
    expect(guard).toMatchObject({ log: 'main', size: 0 });
    const again = await run(['init', ...data()]);
    expect([again.exitCode, JSON.parse(again.stderr).error.code]).toEqual([1, 'data_exists']);
    await rm(join(root, 'd'), { recursive: true });
    expect((await run(['init', ...data()])).exitCode).toBe(1);
  });

  test.each([
    [[], { reads: 'public', duplicates: 'key', leafHashIndex: true }],
    [['--reads', 'token'], { reads: 'token' }],
    [['--duplicates', 'content'], { duplicates: 'content', leafHashIndex: true }],
    [['--duplicates', 'off', '--no-leaf-hash-index'], { duplicates: 'off', leafHashIndex: false }],
  ])('%j: the log is %j', async (flags, facts) => {
    expect((await run(['init', ...data(), ...flags])).exitCode).toBe(0);
    const manifest = JSON.parse(await readFile(join(root, 'd', 'logs', 'main', 'log.json'), 'utf8'));
    expect(manifest).toMatchObject(facts);
  });

  test.each([
    [['--reads', 'private']],
    [['--duplicates', 'never']],
    [['--duplicates', 'content', '--no-leaf-hash-index']],
  ])('refuses %j', async (flags) => {
    expect((await run(['init', ...data(), ...flags])).exitCode).toBe(2);
    await expect(stat(join(root, 'd'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each([['a b'], ['a+b'], [''], ['x'.repeat(251)]])('refuses the origin %j', async (origin) => {
    expect((await run(['init', ...data(), '--origin', origin])).exitCode).toBe(2);
    await expect(stat(join(root, 'd'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('CLI-14 keygen', () => {
  test('the secret goes into a file for its owner, never to stdout or over another file', async () => {
    const out = join(root, 'k');
    const made = await run(['keygen', 'example.org/w', '--out', out, '--json']);
    expect(JSON.parse(made.stdout).vkey).toMatch(/^example\.org\/w\+[0-9a-f]{8}\+/);
    expect(made.stdout).not.toContain('PRIVATE');
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const before = await readFile(out, 'utf8');
    expect((await run(['keygen', 'example.org/w', '--out', out])).exitCode).not.toBe(0);
    expect(await readFile(out, 'utf8')).toBe(before);
  });
});

describe('CLI-15 export-tiles', () => {
  test('writes the checkpoint of a fresh log', async () => {
    await run(['init', ...data()]);
    const ran = await run(['export-tiles', join(root, 'tiles'), ...data()]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ treeSize: 0 });
    expect(await readFile(join(root, 'tiles', 'checkpoint'), 'utf8')).toBe(JSON.parse(ran.stdout).checkpoint);
  });
});
