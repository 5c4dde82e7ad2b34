import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accessToken, type Register } from '../../src/cli/context.ts';
import { writeJson } from '../../src/cli/terminal.ts';
import { run } from './run-cli.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-config-'));
  await writeFile(join(root, 'config.yaml'), 'log: from-file\n');
  await writeFile(join(root, 'other.yaml'), 'log: from-other\n');
  await writeFile(join(root, 'token'), 'stele_x\n');
});
afterEach(() => rm(root, { recursive: true }));

const show: Register = (program, host) => {
  const command = program.command('show').option('--data <d>').option('--log <l>').option('--token-file <f>');
  host.bind(command, async ({ config, terminal }) => {
    await writeJson(terminal, { log: config.log, token: await accessToken(config) });
  });
};
const shown = (args: string[], env: Record<string, string> = {}) =>
  run(['show', '--json', ...args], { commands: [show], env });

describe('CLI-4 where the config file is looked for', () => {
  test.each<[string, string[], (root: string) => Record<string, string>, string]>([
    ['in the data directory', [], (d) => ({ STELE_DATA: d }), 'from-file'],
    [
      'where the environment says',
      [],
      (d) => ({ STELE_DATA: d, STELE_CONFIG: join(d, 'other.yaml') }),
      'from-other',
    ],
    ['nowhere: it may be missing', [], (d) => ({ STELE_DATA: join(d, 'none') }), 'main'],
    ['but a flag beats it', ['--log', 'from-flag'], (d) => ({ STELE_DATA: d }), 'from-flag'],
  ])('%s', async (_, args, env, log) => {
    expect(JSON.parse((await shown(args, env(root))).stdout).log).toBe(log);
  });

  test('a file that was named must be there', async () => {
    const { exitCode, stderr } = await shown(['--config', join(root, 'none.yaml')]);
    expect([exitCode, JSON.parse(stderr).error.code]).toEqual([1, 'invalid_config']);
  });

  test('the one in the data directory cannot name another', async () => {
    await writeFile(join(root, 'config.yaml'), 'data: /elsewhere\n');
    expect((await shown(['--data', root])).exitCode).toBe(1);
    expect((await shown(['--config', join(root, 'config.yaml')])).exitCode).toBe(0);
  });
});

describe('CLI-6 the access token', () => {
  test('comes from its file without the line end; a missing file is a wrong command line', async () => {
    expect(JSON.parse((await shown(['--token-file', join(root, 'token')])).stdout).token).toBe('stele_x');
    expect((await shown(['--token-file', join(root, 'none')])).exitCode).toBe(2);
  });

  test.each(['…', 'stele_x y', 'stele_x\n'])('%j is no token', async (token) => {
    const ran = await shown([], { STELE_TOKEN: token });
    expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringContaining('copy it again')]);
  });
});
