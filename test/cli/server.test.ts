import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
let folder: string;
let main: string;

/** The command line as a process, compiled from the sources under test. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stele-cli-'));
  // Inside the checkout, so that the compiled modules find their packages.
  const out = join(process.cwd(), 'dist', `test-${process.pid}`);
  await run(process.execPath, [
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.build.json',
    '--outDir',
    out,
  ]);
  main = join(out, 'cli', 'main.js');
});

afterAll(async () => {
  await rm(join(main, '..', '..'), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

const env = (extra: Record<string, string> = {}) => ({ PATH: process.env['PATH'] ?? '', ...extra });

async function stele(args: readonly string[], extra: Record<string, string> = {}) {
  const options = { env: env(extra), cwd: folder, encoding: 'buffer', maxBuffer: 1e8 } as const;
  const result = await run(process.execPath, [main, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: Buffer; stderr: Buffer }) => error,
  );
  return {
    code: result.code,
    stdout: result.stdout,
    text: result.stdout.toString(),
    stderr: result.stderr.toString(),
  };
}

interface Running {
  readonly process: ChildProcess;
  readonly url: string;
  readonly logs: readonly { readonly vkey: string }[];
}

async function serve(data: string): Promise<Running> {
  const args = [main, 'serve', '--json', '--data', data, '--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { process: child, ...JSON.parse(String(line)) };
}

async function stop({ process: child }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  const closed = once(child, 'close');
  child.kill(signal);
  const [code] = await closed;
  return code;
}

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
    expect(await stop(server, 'SIGKILL')).toBe(null);

    server = await serve(data);
    remote = { ...remote, STELE_SERVER: server.url };
    expect(server.logs[0]?.vkey).toBe(vkey);
    expect((await stele(['append', '--lines', 'lines'], remote)).code).toBe(0);
    expect((await stele(['checkpoint'], remote)).text).toContain('\n2501\n');
    expect((await stele(['get', '0'], remote)).stdout).toEqual(entry);
    expect((await stele(['get', '2500'], remote)).text).toBe('line 2499\r');
    expect(await stop(server)).toBe(0);
    expect((await stele(['get', '0'], remote)).code).toBe(3);
  });

  test('a second server on the same data and a start without its guard are refused', async () => {
    const data = join(folder, 'second');
    await stele(['init', '--data', data]);
    const server = await serve(data);
    const rival = await stele(['serve', '--json', '--data', data, '--listen', '127.0.0.1:0']);
    expect([rival.code, rival.stderr]).toEqual([1, expect.stringContaining('data_locked')]);
    expect(await stop(server)).toBe(0);
    await rm(`${data}.guard`, { recursive: true });
    const bare = await stele(['serve', '--json', '--data', data, '--listen', '127.0.0.1:0']);
    expect([bare.code, bare.stderr]).toEqual([1, expect.stringContaining('guard_missing')]);
  });
});
