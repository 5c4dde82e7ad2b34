import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from './run-cli.ts';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'stele-token-'));
  await writeFile(join(data, 'stele.json'), '{"schema":1}\n');
});
afterEach(() => rm(data, { recursive: true }));

const token = (...args: string[]) => run(['token', ...args, '--data', data, '--json']);
const file = async (): Promise<string> => readFile(join(data, 'tokens.json'), 'utf8');

describe('CLI-10 token create', () => {
  test('prints the token once and stores its hash only', async () => {
    const made = JSON.parse((await token('create', '--scopes', 'append', '--logs', 'main,x1')).stdout);
    expect(made.token).toMatch(/^stele_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({ id: made.token.slice(6, 14), scopes: ['append'], logs: ['main', 'x1'] });
    expect(await file()).not.toContain(made.token.slice(15));
    const hash = createHash('sha256').update(made.token).digest('hex');
    expect(JSON.parse(await file()).tokens[0].sha256).toBe(hash);
    expect((await stat(join(data, 'tokens.json'))).mode & 0o777).toBe(0o600);
  });

  test('without --json stdout is the token alone', async () => {
    const { stdout, stderr } = await run(['token', 'create', '--data', data]);
    expect(stdout).toMatch(/^stele_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\n$/);
    expect(stderr).toContain('once');
  });

  test.each([
    [['--scopes', 'write'], 'unknown scope'],
    [['--scopes', 'append,append'], 'twice'],
    [['--scopes', ''], 'none'],
    [['--logs', 'a,,b'], 'empty name'],
    [['--expires', '0d'], 'no days'],
    [['--expires', '2020-01-01T00:00:00Z'], 'passed'],
    [['--expires', 'tomorrow'], 'no moment'],
    [['--expires', '2999-01-01'], 'another spelling'],
    [['extra'], 'too many arguments'],
    [['--nope'], 'unknown option'],
  ])('refuses %j: %s', async (args) => {
    expect(await token('create', ...args)).toMatchObject({ exitCode: 2, stdout: '' });
    await expect(file()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a directory without stele.json is refused', async () => {
    await rm(join(data, 'stele.json'));
    const { exitCode, stderr } = await token('create');
    expect([exitCode, JSON.parse(stderr).error.code]).toEqual([1, 'no_data']);
  });
});

describe('CLI-11 token list and revoke', () => {
  test('list shows no secret and no hash; revoke removes one', async () => {
    const first = JSON.parse((await token('create', '--expires', '90d')).stdout);
    const second = JSON.parse((await token('create')).stdout);
    const listed = await token('list');
    expect(JSON.parse(listed.stdout).tokens.map((t: { id: string }) => t.id)).toEqual([first.id, second.id]);
    expect(listed.stdout).not.toContain('sha256');
    expect((await token('revoke', first.id)).exitCode).toBe(0);
    expect(JSON.parse((await token('list')).stdout).tokens).toHaveLength(1);
    expect((await token('revoke', first.id)).exitCode).toBe(2);
  });

  test('a damaged file is refused, never taken for an empty one', async () => {
    await writeFile(join(data, 'tokens.json'), '{"schema":1,"tokens":[{}]}');
    expect(await token('create')).toMatchObject({ exitCode: 1, stdout: '' });
  });
});
