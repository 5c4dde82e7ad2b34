import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BodyMemory } from '../../src/http/body-memory.ts';
import { createDirectAppend, type DirectAppendDeps } from '../../src/http/direct-append.ts';
import { splitOps } from '../../src/http/ops-port.ts';
import { problemOf } from '../../src/http/problem.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { WriteGate } from '../../src/http/write-gate.ts';
import { newServer, READ_TOKEN } from './new-server.ts';
import { answerTo } from './raw-socket.ts';

/*
 * What is appended directly is answered as it would be on the general way; and what that alone can answer goes there.
 */

interface Way {
  readonly server: RunningServer;
  readonly authorization: string;
  /** How many requests the direct way has taken. */
  taken(): number;
  size(): number;
}

/** A server of its own; without `direct`, one whose requests all go the general way. */
async function way(direct: boolean): Promise<Way> {
  const { app, log, authorization, bugs } = await newServer();
  let taken = 0;
  const appendDirectly: typeof app.appendDirectly = (incoming, outgoing) => {
    const isTaken = direct && app.appendDirectly(incoming, outgoing);
    taken += isTaken ? 1 : 0;
    return isTaken;
  };
  const front = new Hono().all('*', (c) => app.fetch(c.req.raw, c.env));
  const server = await startServer(Object.assign(front, { appendDirectly }), {
    hostname: '127.0.0.1',
    port: 0,
  });
  onTestFinished(async () => {
    await server.close();
    expect(bugs).toEqual([]);
  });
  return { server, authorization, taken: () => taken, size: () => log.head.size };
}

const TYPE = 'Content-Type: application/octet-stream\r\n';
const ONE = `${TYPE}Content-Length: 1\r\n`;
const HOST = 'Host: x:8080\r\n';

interface Sent {
  readonly path?: string;
  readonly host?: string;
  readonly token?: string;
  readonly headers?: string;
  readonly body?: string;
}

function request({
  path = '/logs/main/entries',
  host = HOST,
  token,
  headers = ONE,
  body = 'a',
}: Sent): string {
  const authorization = token === '' ? '' : `Authorization: ${token}\r\n`;
  return `POST ${path} HTTP/1.1\r\n${host}Connection: close\r\n${authorization}${headers}\r\n${body}`;
}

/** Status, headers and body of an answer, but for its time, its signature and how its length is told. */
function told(answer: string): unknown {
  const [head = '', ...body] = answer.split('\r\n\r\n');
  const [status, ...headers] = head.split('\r\n');
  const named = headers.map((line) => line.toLowerCase()).filter((line) => !/^date:/.test(line));
  return [status, named.sort(), body.join('').replace(/"checkpoint":.*/, '')];
}

async function bothAnswer(...requests: readonly Sent[]): Promise<{ direct: Way; answers: string[] }> {
  const [direct, general] = [await way(true), await way(false)];
  const answers: string[] = [];
  for (const sent of requests) {
    const of = ({ server, authorization }: Way): Promise<string> =>
      answerTo(server.port, Buffer.from(request({ token: authorization, ...sent }), 'latin1'));
    const answer = await of(direct);
    expect(told(answer)).toEqual(told(await of(general)));
    answers.push(answer);
  }
  expect(direct.size()).toBe(general.size());
  expect(general.taken()).toBe(0);
  return { direct, answers };
}

describe('HTTP-5 one entry is appended directly and answered as on the general way', () => {
  test.each<[string, readonly Sent[]]>([
    ['an entry', [{}]],
    ['an entry of no bytes', [{ headers: `${TYPE}Content-Length: 0\r\n`, body: '' }]],
    ['the longest entry', [{ headers: `${TYPE}Content-Length: 65535\r\n`, body: 'x'.repeat(65_535) }]],
    ['from who takes any answer', [{ headers: `Accept: */*\r\n${ONE}` }]],
    ['one after the other', [{}, { body: 'b' }, { body: 'c' }]],
    ['a retry', [{ headers: `Idempotency-Key: k\r\n${ONE}` }, { headers: `Idempotency-Key: k\r\n${ONE}` }]],
    [
      'a key that comes again with another entry',
      [{ headers: `Idempotency-Key: k\r\n${ONE}` }, { headers: `Idempotency-Key: k\r\n${ONE}`, body: 'b' }],
    ],
    ['a host without a port', [{ host: 'Host: log.example\r\n' }]],
  ])('%s', async (_, requests) => {
    const { direct, answers } = await bothAnswer(...requests);
    expect(direct.taken()).toBe(requests.length);
    expect(answers.map((answer) => answer.slice(0, 12))).not.toContain('HTTP/1.1 500');
  });
});

describe('HTTP-5 what is not just so goes the general way', () => {
  test.each<[string, Sent, number]>([
    ['no token', { token: '' }, 401],
    ['a token that is not known', { token: 'Bearer x' }, 401],
    ['a token that may not append', { token: `Bearer ${READ_TOKEN}` }, 403],
    ['two tokens', { headers: `Authorization: Bearer x\r\n${ONE}` }, 401],
    ['another log', { path: '/logs/other/entries' }, 404],
    ['a path in another spelling', { path: '/logs/%6dain/entries' }, 400],
    ['a path with a slash behind', { path: '/logs/main/entries/' }, 404],
    ['a path in the absolute form', { path: 'http://x/logs/main/entries' }, 201],
    ['a query', { path: '/logs/main/entries?ack=durable' }, 201],
    ['an unknown parameter', { path: '/logs/main/entries?a=b' }, 400],
    ['an empty query', { path: '/logs/main/entries?' }, 201],
    ['no host', { host: '' }, 400],
    ['two hosts', { host: 'Host: x\r\nHost: y\r\n' }, 400],
    ['a host that cannot be', { host: 'Host: x:99999\r\n' }, 400],
    ['a host with a user', { host: 'Host: a@x\r\n' }, 400],
    ['no type', { headers: 'Content-Length: 1\r\n' }, 415],
    ['two types', { headers: `Content-Type: text/plain\r\n${ONE}` }, 415],
    [
      'a type with parameters',
      { headers: 'Content-Type: application/octet-stream; a=b\r\nContent-Length: 1\r\n' },
      201,
    ],
    ['lines', { headers: 'Content-Type: application/x-ndjson\r\nContent-Length: 1\r\n' }, 201],
    ['no length', { headers: TYPE, body: '' }, 201],
    ['chunks', { headers: `${TYPE}Transfer-Encoding: chunked\r\n`, body: '1\r\na\r\n0\r\n\r\n' }, 201],
    [
      'a body that is too long',
      { headers: `${TYPE}Content-Length: 65536\r\n`, body: 'x'.repeat(65_536) },
      413,
    ],
    ['a compressed body', { headers: `Content-Encoding: gzip\r\n${ONE}` }, 415],
    ['a key that cannot be', { headers: `Idempotency-Key: a b\r\n${ONE}` }, 400],
    ['two keys', { headers: `Idempotency-Key: a\r\nIdempotency-Key: b\r\n${ONE}` }, 400],
    ['who wants CBOR', { headers: `Accept: application/cbor\r\n${ONE}` }, 201],
    ['who wants text', { headers: `Accept: text/plain\r\n${ONE}` }, 201],
    ['who would switch protocols', { headers: `Upgrade: x\r\n${ONE}` }, 201],
  ])('%s', async (_, sent, status) => {
    const [direct, general] = [await way(true), await way(false)];
    const answers = await Promise.all(
      [direct, general].map(({ server, authorization }) =>
        answerTo(server.port, Buffer.from(request({ token: authorization, ...sent }), 'latin1')),
      ),
    );
    expect(answers.map((answer) => Number(answer.slice(9, 12)))).toEqual([status, status]);
    expect(direct.taken()).toBe(0);
    expect(direct.size()).toBe(general.size());
  });
});

test("a port without what is the operator's appends directly, too, and the operator's does not", async () => {
  const { app } = await newServer();
  const { ops, rest } = splitOps(app);
  expect(rest.appendDirectly).toBe(app.appendDirectly);
  expect(ops).not.toHaveProperty('appendDirectly');
});

describe('HTTP-5 a bug while an answer is made', () => {
  const BUG = new TypeError('a bug');
  const bug = (): never => {
    throw BUG;
  };

  /** What comes back, and what is told, where these fail. */
  async function broken(deps: Partial<DirectAppendDeps>): Promise<{ answer: string; told: unknown[] }> {
    const { log, authorization } = await newServer();
    const told: unknown[] = [];
    const appendDirectly = createDirectAppend({
      ...{ bodies: new BodyMemory(), gate: new WriteGate() },
      permit: () => ({ id: '00000000', sha256: '', scopes: ['append'], logs: '*' }),
      openLog: () => log,
      onAppended: () => undefined,
      onRefused: () => undefined,
      onAnswered: () => undefined,
      nowMs: () => 0,
      problem: (thrown) => {
        told.push(thrown);
        return problemOf(thrown);
      },
      ...deps,
    });
    const at = { hostname: '127.0.0.1', port: 0 };
    const server = await startServer(Object.assign(new Hono(), { appendDirectly }), at);
    onTestFinished(() => server.close());
    return { answer: await answerTo(server.port, request({ token: authorization })), told };
  }

  test('is answered with 500 and told, and where that fails the connection is cut and it is told', async () => {
    const answered = await broken({ onAppended: bug });
    expect([answered.answer.slice(0, 12), answered.told]).toEqual(['HTTP/1.1 500', [BUG]]);
    expect(await broken({ onAppended: bug, onRefused: bug })).toEqual({ answer: '', told: [BUG] });
  });
});
