import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCli, type Serving } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { made } from './run-cli.ts';

const cli = compiledCli();

interface Started {
  readonly data: string;
  readonly token: string;
  readonly server: Serving;
}

async function started(...args: string[]): Promise<Started> {
  const data = join(await tempFolder(), 'data');
  const { token } = await made(['init', '--data', data]);
  return { data, token, server: await cli.serve(['--data', data, ...args]) };
}

async function append({ server, token }: Started, entry: string): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' };
  const init = { method: 'POST', body: entry, headers };
  // A connection that comes after the port was closed is refused: then nothing was promised.
  const answer = await fetch(`${server.url}/logs/main/entries`, init).catch(() => undefined);
  return answer?.status === 201 ? (await answer.json()).index : undefined;
}

/** The log lines of a server, parsed: each of them has to be JSON. */
function linesOf(server: Serving): Record<string, unknown>[] {
  return server
    .stderr()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('CLI-41 a stop', () => {
  test('under load finishes what waits; every receipt holds after the next start', async () => {
    const before = await started();
    const entries = Array.from({ length: 200 }, (_, i) => `entry ${i}`);
    const answers = entries.map((entry) => append(before, entry));
    await Promise.any(answers.map(async (answer) => expect(await answer).toBeDefined()));
    expect(await before.server.stop()).toBe(0);
    const indexes = await Promise.all(answers);
    const server = await cli.serve(['--data', before.data]);
    for (const [i, index] of indexes.entries()) {
      if (index === undefined) continue;
      const entry = await fetch(`${server.url}/logs/main/entries/${index}`);
      expect(await entry.text()).toBe(entries[i]);
    }
    expect(indexes.some((index) => index !== undefined)).toBe(true);
    expect(await server.stop()).toBe(0);
  });

  test('is in order though a client holds half a request, and though it is asked for twice', async () => {
    const { server } = await started();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    await new Promise((sent) => socket.write('POST /logs/main/entries HTTP/1.1\r\nHost: x\r\n', sent));
    const closed = once(server.process, 'close');
    server.process.kill('SIGTERM');
    server.process.kill('SIGINT');
    server.process.kill('SIGTERM');
    const [code, signal] = await closed;
    expect([code, signal]).toEqual([0, null]);
    expect(linesOf(server).at(-1)).toMatchObject({ msg: 'stopped', inOrder: true });
  });
});

describe('CLI-42 what the operator reads', () => {
  test('log lines are JSON with a constant message, and hold neither entries nor secrets', async () => {
    const run = await started();
    const secret = 'the entry \u001b[31m\n{"level":"info"}';
    expect(await append(run, secret)).toBe(0);
    const bad = { method: 'POST', body: secret, headers: { authorization: `Bearer ${secret.slice(0, 5)}` } };
    expect((await fetch(`${run.server.url}/logs/main/entries`, bad)).status).toBe(401);
    await run.server.stop();
    const lines = linesOf(run.server);
    expect(lines.map(({ msg }) => msg).slice(-3)).toEqual(['serving', 'stopping', 'stopped']);
    for (const line of lines)
      expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String) });
    const key = await readFile(join(run.data, 'logs/main/key'), 'utf8');
    // PRIVATE+KEY+name+id+base64, which may have a "+" of its own.
    const secretPart = key.trim().split('+').slice(4).join('+');
    expect(secretPart.length).toBeGreaterThan(40);
    for (const hidden of ['the entry', run.token, run.token.slice(15), secretPart])
      expect(run.server.stderr()).not.toContain(hidden);
  });

  test('CLI-44 data and guard on one device are warned about, by init and by serve', async () => {
    const folder = await tempFolder();
    const init = await cli.stele(['init', '--data', join(folder, 'd')]);
    expect(init.stderr).toContain('one device');
    const server = await cli.serve(['--data', join(folder, 'd')]);
    await server.stop();
    expect(linesOf(server)[0]).toMatchObject({ level: 'warn', guard: `${join(folder, 'd')}.guard` });
  });

  test('CLI-43 --ops-listen moves /metrics to its own port, and nothing else', async () => {
    const { server } = await started('--ops-listen', '127.0.0.1:0');
    const status = async (url = '', path = ''): Promise<number> => (await fetch(`${url}${path}`)).status;
    expect([await status(server.url, '/metrics'), await status(server.opsUrl, '/metrics')]).toEqual([
      404, 200,
    ]);
    for (const path of ['/healthz', '/readyz', '/logs/main/checkpoint'])
      expect([path, await status(server.url, path), await status(server.opsUrl, path)]).toEqual([
        path,
        200,
        404,
      ]);
    expect(await server.stop()).toBe(0);
  });

  test('CLI-47 --client-rate is a rate of each client, and --trusted-proxies says whose word of its address counts', async () => {
    const { server, data } = await started('--client-rate', '1', '--trusted-proxies', '127.0.0.1,::1');
    const status = async (client: string): Promise<number> =>
      (await fetch(`${server.url}/logs`, { headers: { 'x-forwarded-for': client } })).status;
    await expect.poll(() => status('192.0.2.1'), { interval: 0, timeout: 10_000 }).toBe(429);
    expect(await status('192.0.2.2')).toBe(200);
    const refused = ['--trusted-proxies', 'proxy.example'];
    const other = await cli.stele(['serve', '--json', '--data', data, ...refused]);
    expect([other.code, JSON.parse(other.stderr).error.code]).toEqual([1, 'invalid_config']);
    expect(await server.stop()).toBe(0);
  });

  test('CLI-45 a port that is taken is a refused start, and the log is left in order', async () => {
    const { server, data } = await started();
    const other = join(await tempFolder(), 'other');
    await made(['init', '--data', other]);
    const listen = ['--listen', new URL(server.url).host];
    const refused = await cli.stele(['serve', '--json', '--data', other, ...listen]);
    expect([refused.code, JSON.parse(refused.stderr).error.code]).toEqual([1, 'invalid_config']);
    const ops = await cli.stele([
      'serve',
      '--json',
      '--data',
      other,
      '--listen',
      ':0',
      '--ops-listen',
      listen[1] ?? '',
    ]);
    expect([ops.code, JSON.parse(ops.stderr).error.code]).toEqual([1, 'invalid_config']);
    expect(await server.stop()).toBe(0);
    expect((await cli.stele(['fsck', '--data', data])).code).toBe(0);
  });
});

describe('CLI-10 tokens of a running server', () => {
  test('one that is made, expires or is revoked counts at once; scope and log are told apart', async () => {
    const { server, data, token } = await started();
    const make = async (...args: string[]): Promise<{ id: string; token: string }> =>
      JSON.parse((await cli.stele(['token', 'create', '--json', '--data', data, ...args])).text);
    const status = async (given: string): Promise<number> => {
      const headers = { authorization: `Bearer ${given}`, 'content-type': 'application/octet-stream' };
      const answer = await fetch(`${server.url}/logs/main/entries`, { method: 'POST', body: 'x', headers });
      return answer.status;
    };
    const fresh = await make('--scopes', 'append', '--logs', 'main');
    const reader = await make('--scopes', 'read');
    const elsewhere = await make('--scopes', 'append', '--logs', 'other');
    const later = await make('--scopes', 'append', '--expires', '1d');
    const made = [token, fresh.token, later.token, reader.token, elsewhere.token];
    expect(await Promise.all(made.map(status))).toEqual([201, 201, 201, 403, 403]);
    await cli.stele(['token', 'revoke', fresh.id, '--data', data]);
    expect([await status(fresh.token), await status(token)]).toEqual([401, 201]);
    expect(await server.stop()).toBe(0);
  });
});
