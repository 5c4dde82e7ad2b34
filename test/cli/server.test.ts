import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cli = compiledCli();
let folder: string;
const stele = (args: readonly string[], env: Record<string, string> = {}) =>
  cli.stele(args, { cwd: folder, env });
const serve = (data: string) => cli.serve(['--data', data]);

beforeEach(async () => {
  folder = await tempFolder();
});

describe('CLI the server as a process', () => {
  test('entries go in, prove themselves offline, and come back after a restart and a kill', async () => {
    const data = join(folder, 'data');
    const init = JSON.parse(
      (await stele(['init', '--json', '--data', data, '--origin', 'cli.example'])).text,
    );
    let server = await serve(data);
    let remote = { STELE_SERVER: server.url, STELE_TOKEN: init.token };
    const entry = Buffer.from('an entry with CR\r and \xff bytes', 'latin1');
    await writeFile(join(folder, 'entry'), entry);
    expect((await stele(['append', 'entry', '--receipt', 'receipt.json'], remote)).code).toBe(0);
    const { vkey } = init.logs[0];
    const verified = await stele(['verify', 'receipt.json', '--vkey', vkey, '--entry', 'entry']);
    expect([verified.code, verified.text]).toEqual([0, expect.stringContaining('inclusion  verified')]);
    expect((await stele(['verify', 'receipt.json', '--vkey', vkey, '--entry', 'receipt.json'])).code).toBe(1);

    const lines = Array.from({ length: 2_500 }, (_, i) => `line ${i}${i % 3 === 0 ? '\r' : ''}`);
    await writeFile(join(folder, 'lines'), lines.join('\n'));
    expect((await stele(['append', '--lines', 'lines'], remote)).code).toBe(0);
    expect(await server.stop('SIGKILL')).toBe(null);

    server = await serve(data);
    remote = { ...remote, STELE_SERVER: server.url };
    expect(server.logs[0]?.vkey).toBe(vkey);
    expect((await stele(['append', '--lines', 'lines'], remote)).code).toBe(0);
    expect((await stele(['checkpoint'], remote)).text).toContain('\n2501\n');
    expect((await stele(['get', '0'], remote)).stdout).toEqual(entry);
    expect((await stele(['get', '2500'], remote)).text).toBe('line 2499\r');
    expect(await server.stop()).toBe(0);
    expect((await stele(['get', '0'], remote)).code).toBe(3);
  });

  test('a second server on the same data and a start without its guard are refused', async () => {
    const data = join(folder, 'second');
    await stele(['init', '--data', data]);
    const server = await serve(data);
    const rival = await stele(['serve', '--json', '--data', data, '--listen', '127.0.0.1:0']);
    expect([rival.code, rival.stderr]).toEqual([1, expect.stringContaining('data_locked')]);
    expect(await server.stop()).toBe(0);
    await rm(`${data}.guard`, { recursive: true });
    const bare = await stele(['serve', '--json', '--data', data, '--listen', '127.0.0.1:0']);
    expect([bare.code, bare.stderr]).toEqual([1, expect.stringContaining('guard_missing')]);
  });
});
