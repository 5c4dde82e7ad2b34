import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { RunningServer } from '../../src/http/server.ts';
import { newServer } from './new-server.ts';
import { answerTo, CLOSE, listening, PROBLEM, post, received, refusal } from './raw-socket.ts';

/*
 * What a client can do to a socket. Each refusal is a problem with a code, and leaves the tree as it was. What is made to be
 * read in two ways is in hostile.test.ts.
 */

describe('HTTP-23 a path has one spelling', () => {
  test.each([
    ['/logs/main/tile/0/../0/000.p/1', 'malformed_tile_path', 'dots'],
    ['/logs/main/tile/../checkpoint', 'malformed_tile_path', 'dots that lead out of the tiles'],
    ['/logs/main/tile/%2e%2e/checkpoint', 'malformed_tile_path', 'escaped dots'],
    ['/logs/main/tile/0%2f000.p/1', 'malformed_tile_path', 'an escaped slash'],
    ['/logs/main/tile/0/%30%30%30.p/1', 'malformed_tile_path', 'escaped digits'],
    ['/logs/main/tile/0\\000.p/1', 'invalid_request', 'a backslash'],
    ['/logs/main/tile//0/000.p/1', 'malformed_tile_path', 'an empty segment'],
    ['/logs/main/tile/0/x1e3/000', 'malformed_tile_path', 'an exponent'],
    ['/logs/main/tile/0/000.p/01', 'malformed_tile_path', 'a leading zero'],
    ['/logs/main/tile/0/000.p/256', 'malformed_tile_path', 'a width of 256'],
    ['/logs/main/tile/entries/000%2ep/1', 'malformed_tile_path', 'a bundle with an escaped dot'],
    ['/logs/%6dain/checkpoint', 'invalid_request', 'an escaped letter'],
    ['/logs/other/../main/checkpoint', 'invalid_request', 'a path through another log'],
    ['/logs/main/%2e%2e/main/checkpoint', 'invalid_request', 'the same, escaped'],
    ['//logs/main/checkpoint', 'invalid_request', 'an empty segment'],
    ['/logs/main\\checkpoint', 'invalid_request', 'a backslash'],
    ['/logs/main/entries/%31', 'invalid_request', 'an escaped digit'],
    ['http://x/logs/main/%2e%2e/main/checkpoint', 'invalid_request', 'in the absolute form'],
    ['/logs/main/checkpoint\0', 'invalid_request', 'NUL'],
    ['/logs/main/entries/\u0661', 'invalid_request', 'a digit of another script'],
    ['/logs/main/entries/\uff11', 'invalid_request', 'a full-width digit'],
  ])('%j is refused: %s', async (path, code) => {
    const { server, post: append } = await listening();
    await append('entries', 'a');
    const answer = await answerTo(server.port, Buffer.from(`GET ${path} HTTP/1.1\r\n${CLOSE}\r\n`));
    expect(refusal(answer)).toEqual([400, PROBLEM, code]);
  });

  test.each([
    '/logs/main/tile/0/000.p/1',
    '/logs/main/checkpoint',
    'http://x/logs/main/checkpoint',
    '/logs/main/entries/0?',
  ])('%s is answered', async (path) => {
    const { server, post: append } = await listening();
    await append('entries', 'a');
    expect(await answerTo(server.port, `GET ${path} HTTP/1.1\r\n${CLOSE}\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a path of a megabyte', async () => {
    const { server } = await listening();
    const answer = await answerTo(server.port, `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(refusal(answer)).toEqual([431, PROBLEM, 'headers_too_large']);
  });

  test.each(['PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s on a tile', async (method) => {
    const { server } = await listening();
    const answer = await answerTo(server.port, `${method} /logs/main/tile/0/000 HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(refusal(answer)).toEqual([405, PROBLEM, 'method_not_allowed']);
    expect(answer).toMatch(/^allow: GET, HEAD\r$/im);
  });
});

describe('HTTP-8 numbers have one spelling', () => {
  const spellings = ['', '01', '00', '+1', '-1', '-0', '1.0', '1e0', '0x1', '0b1', '1_0', '1n', 'NaN'];
  const more = ['Infinity', '%201', '1%20', '1%0a', '%00', '%EF%BC%91', '%D9%A1', '9007199254740992'];
  const paths = [
    'proofs/inclusion?index=',
    'proofs/consistency?from=',
    'checkpoints?from=',
    'entries?end=1&start=',
  ];
  test.each([...spellings, ...more, `1${'0'.repeat(400)}`])('%j is none', async (spelling) => {
    const { app } = await newServer();
    for (const path of paths) {
      const answer = await app.request(`/logs/main/${path}${spelling}`);
      expect([path, answer.status, (await answer.json()).code]).toEqual([path, 400, 'malformed_number']);
    }
  });
});

describe('HTTP-8 hashes have one spelling', () => {
  const hash = 'ab'.repeat(32);
  test.each([
    hash.toUpperCase(),
    hash.slice(1),
    `${hash}0`,
    ` ${hash}`,
    `0x${hash}`,
    `${hash.slice(2)}zz`,
    '',
  ])('%j is none', async (spelling) => {
    const { app } = await newServer();
    const path = `/logs/main/proofs/inclusion?leafHash=${encodeURIComponent(spelling)}`;
    const answer = await app.request(path);
    expect([answer.status, (await answer.json()).code]).toEqual([400, 'malformed_hex']);
  });
});

describe('HTTP-26 bodies are bounded while they are read', () => {
  test('a chunked body that never ends is cut at the limit', async () => {
    const { server, authorization, log } = await listening();
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const answer = await answerTo(
      server.port,
      post(authorization, 'Transfer-Encoding: chunked\r\n'),
      chunk,
      chunk,
    );
    expect(refusal(answer)).toEqual([413, PROBLEM, 'entry_too_large']);
    expect(log.head.size).toBe(0);
  });

  test('a length over the limit is refused before the body comes', async () => {
    const { server, authorization, log } = await listening();
    const answer = await answerTo(server.port, post(authorization, 'Content-Length: 99999999999\r\n'));
    expect(refusal(answer)).toEqual([413, PROBLEM, 'entry_too_large']);
    expect(log.head.size).toBe(0);
  });

  test('a body that ends early is not an entry, and not a bug', async () => {
    const { server, authorization, log, bugs, app } = await listening();
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((sent) => socket.write(`${post(authorization, 'Content-Length: 10\r\n')}12345`, sent));
    socket.end();
    await once(socket.resume(), 'close');
    const settled = async (): Promise<boolean> =>
      (await (await app.request('/metrics')).text()).includes('outcome="invalid_request"} 1');
    await expect.poll(settled).toBe(true);
    expect([log.head.size, bugs]).toEqual([0, []]);
  });

  test('deeply nested JSON is refused as fast as it is parsed', async () => {
    const { app } = await newServer();
    const body = `{"indexes":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
    const answer = await app.request('/logs/main/proofs/multi', { method: 'POST', body });
    expect([answer.status, (await answer.json()).code]).toEqual([400, 'invalid_json']);
  });
});

describe('HTTP-25 time and connections are bounded', () => {
  const short = { headersMs: 50, requestMs: 50, keepAliveMs: 50 };

  test('headers that drip', async () => {
    const { server } = await listening(short);
    const answer = await answerTo(server.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n');
    expect(refusal(answer)).toEqual([408, PROBLEM, 'request_timeout']);
  });

  test('a body that drips', async () => {
    const { server, authorization, log } = await listening(short);
    const answer = await answerTo(server.port, post(authorization, 'Content-Length: 10\r\n'), '1');
    expect(refusal(answer)).toEqual([408, PROBLEM, 'request_timeout']);
    expect(log.head.size).toBe(0);
  });

  test('a reader that does not read', async () => {
    const { server, post: append } = await listening({ idleMs: 100 });
    const bundle = { 'content-type': 'application/x-ndjson' };
    const line = 'x'.repeat(60_000);
    for (let i = 0; i < 4; i += 1) await append('entries', `${line}\n`.repeat(100), bundle);
    const socket = connect(server.port, '127.0.0.1').pause();
    socket.write(`GET /logs/main/entries?start=0&end=400 HTTP/1.1\r\n${CLOSE}\r\n`);
    socket.on('error', () => undefined);
    // Nothing is read before the server has given up, so its end can only come from the bound on idleness.
    await expect.poll(() => server.connections(), { timeout: 10_000 }).toBe(1);
    await expect.poll(() => server.connections(), { timeout: 10_000 }).toBe(0);
    socket.destroy();
  });

  test('an idle connection is closed', async () => {
    const { server } = await listening(short);
    const answer = await answerTo(server.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a connection carries so many requests', async () => {
    const { server } = await listening({ requestsPerConnectionMax: 2, keepAliveMs: 50 });
    const one = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await answerTo(server.port, one + one);
    expect(answer.match(/HTTP\/1.1 200 /g)).toHaveLength(2);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  test('one connection too many is dropped, the others go on', async () => {
    const { server } = await listening({ connectionsMax: 1 });
    const first = connect(server.port, '127.0.0.1');
    first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(first, 'data');
    expect(await answerTo(server.port, `GET /healthz HTTP/1.1\r\n${CLOSE}\r\n`)).toBe('');
    first.write(`GET /healthz HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(await received(first)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a stop is not held up by half a request', async () => {
    const { server } = await listening({ drainMs: 50 });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((sent) => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n', sent));
    await expect.poll(() => server.connections()).toBe(1);
    await Promise.all([server.close(), once(socket, 'close')]);
  });

  test('what is under way at a stop is answered', async () => {
    const { server, authorization } = await listening({ drainMs: 10_000 });
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`${post(authorization, 'Content-Length: 2\r\n')}1`);
    await expect.poll(() => server.connections()).toBe(1);
    const closed = server.close();
    socket.write('2');
    expect(await received(socket)).toMatch(/^HTTP\/1.1 201 /);
    await closed;
  });
});

describe('HTTP-29 an answer is that of its request', () => {
  const get = 'GET /healthz HTTP/1.1\r\nHost: x\r\n';

  test('an append and, behind it, what is no request', async () => {
    const { server, authorization, log } = await listening();
    const append = post(authorization, 'Content-Length: 3\r\n').replace('Connection: close\r\n', '');
    const answer = await answerTo(server.port, `${append}abc${append}abdtoo long`);
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 201', 'HTTP/1.1 400']);
    expect(log.head.size).toBe(2);
  });

  test('no request is dropped between two answers when one asks for another protocol', async () => {
    const { server } = await listening();
    const upgrade = `${get}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`;
    const answer = await answerTo(server.port, `${upgrade}${get}\r\n`);
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  test('a tunnel', async () => {
    const { server } = await listening();
    const answer = await answerTo(server.port, 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n');
    expect(refusal(answer)).toEqual([400, PROBLEM, 'invalid_request']);
  });

  test('an expectation nobody knows is passed over', async () => {
    const { server, authorization, log } = await listening();
    const answer = await answerTo(
      server.port,
      post(authorization, 'Expect: tea\r\nContent-Length: 1\r\n'),
      'a',
    );
    expect([answer.slice(0, 12), log.head.size]).toEqual(['HTTP/1.1 201', 1]);
  });

  test('no header is left out, however many there are', async () => {
    const { server, authorization } = await listening();
    const many = `${'a:b\r\n'.repeat(2_100)}Idempotency-Key: a b\r\nContent-Length: 1\r\n`;
    const answer = await answerTo(server.port, post(authorization, many), 'a');
    expect(refusal(answer)).toEqual([400, PROBLEM, 'invalid_idempotency_key']);
  });
});

test('HTTP-6 a body that is compressed on its way is not an entry', async () => {
  const { server, authorization, log } = await listening();
  const answer = await answerTo(
    server.port,
    post(authorization, 'Transfer-Encoding: gzip, chunked\r\n'),
    '1\r\na\r\n0\r\n\r\n',
  );
  expect([...refusal(answer), log.head.size]).toEqual([415, PROBLEM, 'unsupported_media_type', 0]);
});

test('HTTP-1 a request without a valid Host gets a problem', async () => {
  const { server } = await listening();
  const requests = [
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
  ];
  for (const request of requests) {
    const answer = await answerTo(server.port, request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect(refusal(answer)).toEqual([400, PROBLEM, 'invalid_request']);
  }
});

test.each([
  ['Host: x\r\nHost: y\r\n', 'two'],
  ['Host: x\r\nhost: x\r\n', 'one twice'],
])('HTTP-1 %j: a request with %s Hosts gets a problem and adds nothing', async (hosts) => {
  const { server, authorization, log } = await listening();
  const request = post(authorization, 'Content-Length: 1\r\n').replace('Host: x\r\n', hosts);
  expect(refusal(await answerTo(server.port, request, 'a'))).toEqual([400, PROBLEM, 'invalid_request']);
  expect(log.head.size).toBe(0);
});

describe('HTTP-29 a client that has said all and closed its side', () => {
  const closed = async (server: RunningServer, text: string): Promise<string> => {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.end(text);
    const answer = await received(socket);
    return answer;
  };
  const append = (authorization: string): string =>
    `${post(authorization, 'Content-Length: 1\r\n').replace('Connection: close\r\n', '')}a`;

  test('gets the answers to its requests, and the connection ends', async () => {
    const { server, authorization, log } = await listening();
    const two = append(authorization) + append(authorization);
    expect((await closed(server, two)).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 201']);
    expect(log.head.size).toBe(2);
  });

  test('gets a refusal for half a request, and it adds nothing', async () => {
    const { server, authorization, log } = await listening();
    const half = post(authorization, 'Content-Length: 10\r\n');
    expect(refusal(await closed(server, `${half}12345`))).toEqual([400, PROBLEM, 'invalid_request']);
    expect(await closed(server, '')).toBe('');
    expect(log.head.size).toBe(0);
  });
});

test('HTTP-22 HEAD on a socket', async () => {
  const { server } = await listening();
  const request = httpRequest({
    port: server.port,
    method: 'HEAD',
    path: '/logs/main/checkpoint',
    agent: false,
  });
  const [answer] = (await once(request.end(), 'response')) as [import('node:http').IncomingMessage];
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
  answer.resume();
});
