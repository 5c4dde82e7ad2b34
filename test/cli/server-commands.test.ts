import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeBundle } from '../../src/core/tile/bundle.ts';
import { run } from './run-cli.ts';

interface Seen {
  readonly request: IncomingMessage;
  readonly body: Buffer;
}
const HASH = Buffer.alloc(32).toString('base64');
const PROOF = `"treeSize": 9, "rootHash": "${HASH}", "checkpoint": "note"`;
let answer: { status: number; body: string | Uint8Array };
let seen: Seen[];
let server: Server;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-call-'));
  answer = { status: 200, body: '{}' };
  seen = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    // What appending asks first: whether a second try could add an entry twice.
    if (request.url === '/logs/l1/log') return void response.end('{"duplicates":"key"}');
    seen.push({ request, body: Buffer.concat(chunks) });
    response.writeHead(answer.status).end(answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});

const call = (args: string[], stdin?: Uint8Array) =>
  run([...args, '--server', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, '--log', 'l1'], {
    env: { STELE_TOKEN: 'stele_t' },
    ...(stdin === undefined ? {} : { stdin }),
  });

test('CLI-31 of files with one that is not there nothing is sent', async () => {
  await writeFile(join(root, 'a'), 'a');
  const { exitCode, stderr } = await call(['append', join(root, 'a'), join(root, 'gone')]);
  expect([exitCode, seen]).toEqual([2, []]);
  expect(stderr).toContain('gone');
});

describe('CLI-7 answers of the server', () => {
  test.each([
    [404, '{"code":"beyond_log_head"}', 1, 'beyond_log_head'],
    [503, '{"code":"queue_full"}', 3, 'queue_full'],
    [400, '{"code":"made_up"}', 1, 'invalid_request'],
    [404, '{"code":"toString"}', 1, 'not_found'],
    [502, '<html>', 3, 'unreachable'],
  ])('%d %s ends with %d and %s', async (status, body, exitCode, code) => {
    answer = { status, body };
    const ran = await call(['get', '0', '--json']);
    expect([ran.exitCode, ran.stdout, JSON.parse(ran.stderr).error.code]).toEqual([exitCode, '', code]);
  });

  test('a person is told how to give a token, a program gets the code alone', async () => {
    answer = { status: 401, body: '{"code":"unauthorized","detail":"no"}' };
    expect((await call(['get', '0'])).stderr).toContain(
      '\nGive an access token with --token or STELE_TOKEN;',
    );
    expect((await call(['get', '0', '--json'])).stderr).not.toContain('Give an access token');
  });

  test('nobody there is exit 3', async () => {
    server.close();
    await once(server, 'close');
    expect((await run(['checkpoint', '--server', 'http://127.0.0.1:1'])).exitCode).toBe(3);
  });
});

describe('CLI-30 get and checkpoint', () => {
  test('get writes raw bytes and nothing else', async () => {
    answer = { status: 200, body: 'a\r\n' };
    expect(await call(['get', '12'])).toEqual({ exitCode: 0, stdout: 'a\r\n', stderr: '' });
    expect([seen[0]?.request.url, seen[0]?.request.headers.authorization]).toEqual([
      '/logs/l1/entries/12',
      'Bearer stele_t',
    ]);
    await call(['get', '12', '--out', join(root, 'e')]);
    expect(await readFile(join(root, 'e'), 'latin1')).toBe('a\r\n');
    expect((await call(['get', '12', '--out', root])).exitCode).toBe(70);
  });

  test.each([['01'], ['-1'], ['1e3'], ['9007199254740992']])('refuses the index %j', async (index) => {
    expect((await call(['get', index])).exitCode).toBe(2);
    expect(seen).toEqual([]);
  });
});

describe('CLI-32 prove', () => {
  const proof = 'c2sp.org/tlog-proof@v1\nindex 5\n\nnote\n';
  test.each([
    ['<html>', '5', 'a page of some proxy'],
    [proof, '4', 'a proof of another entry'],
  ])('%j is no answer for entry %s: %s', async (body, index) => {
    answer = { status: 200, body };
    const ran = await call(['prove', index, '--out', join(root, 'p')]);
    expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringContaining('malformed_answer')]);
    await expect(readFile(join(root, 'p'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('CLI-31 append', () => {
  test('a file is one entry, and its receipt is kept byte for byte', async () => {
    answer = { status: 201, body: `{ "index": 4, ${PROOF}, "leafHash": "${HASH}", "inclusionProof": [] }` };
    await writeFile(join(root, 'f'), 'x\ny\n');
    const ran = await call(['append', join(root, 'f'), '--receipt', join(root, 'r')]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: `4\t${join(root, 'f')}\n` });
    expect(await readFile(join(root, 'r'), 'utf8')).toBe(answer.body);
    expect(seen[0]?.request.headers['content-type']).toBe('application/octet-stream');
    expect([seen[0]?.request.url, seen[0]?.body.toString()]).toEqual(['/logs/l1/entries', 'x\ny\n']);
  });

  test('lines go as bundles, each under its key', async () => {
    answer = { status: 201, body: `{"indexes":[7,8,9],"new":[true,true,true],${PROOF}}` };
    const ran = await call(['append', '-', '--lines'], Buffer.from('a\n\nb'));
    expect(ran.stdout).toBe('7\t1\n8\t2\n9\t3\n');
    expect(seen[0]?.request.headers['content-type']).toBe('application/vnd.stele.entry-bundle');
    expect(seen[0]?.request.headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
    const entries = decodeBundle(seen[0]?.body ?? new Uint8Array());
    expect(entries.map((entry) => Buffer.from(entry).toString())).toEqual(['a', '', 'b']);
  });

  test('a try that got no answer is made again under the same key', async () => {
    answer = { status: 502, body: '<html>' };
    const ran = await call(['append', '-'], Buffer.from('a'));
    expect([ran.exitCode, ran.stdout]).toEqual([3, '']);
    const keys = seen.map(({ request }) => request.headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([5, 1]);
  });

  test.each(['<html>', '{"index":4}'])('%j is no receipt, and none is kept', async (body) => {
    answer = { status: 201, body };
    await writeFile(join(root, 'f'), 'x');
    const ran = await call(['append', join(root, 'f'), '--receipt', join(root, 'r')]);
    expect([ran.exitCode, ran.stdout, ran.stderr]).toEqual([
      1,
      '',
      expect.stringContaining('malformed_answer'),
    ]);
    await expect(readFile(join(root, 'r'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a missing file and a second file beside --receipt are wrong command lines', async () => {
    expect((await call(['append', join(root, 'none')])).exitCode).toBe(2);
    expect((await call(['append', 'a', 'b', '--receipt', 'r'])).exitCode).toBe(2);
    expect(seen).toEqual([]);
  });
});
