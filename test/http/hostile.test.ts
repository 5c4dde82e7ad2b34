import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { answerTo, CLOSE, type Listening, listening, PROBLEM, post, refusal } from './raw-socket.ts';

/*
 * Requests that a proxy and a server may read differently, and what takes more than it gives. The proof of each is on the
 * socket: so many answers and no more, and so many entries.
 */

/** Behind each request: answered where the first ended where its sender says, and part of it or lost where not. */
const NEXT = `GET /healthz HTTP/1.1\r\n${CLOSE}\r\n`;

/** An append whose connection stays open. */
const append = (authorization: string, more: string): string =>
  post(authorization, more).replace('Connection: close\r\n', '');

interface Seen {
  readonly statuses: readonly number[];
  readonly added: number;
  readonly text: string;
}

async function seen({ server, log, bugs }: Listening, request: string): Promise<Seen> {
  const before = log.head.size;
  const text = await answerTo(server.port, Buffer.from(request + NEXT, 'latin1'));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  expect(bugs).toEqual([]);
  return { statuses, added: log.head.size - before, text };
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const ONE = 'Content-Length: 1\r\n';
const CHUNK = '1\r\na\r\n0\r\n\r\n';

describe('HTTP-30 a request that can be read in two ways is refused, the connection ends and nothing is added', () => {
  test.each<[string, string, string]>([
    ['Content-Length, then Transfer-Encoding', `Content-Length: 4\r\n${CHUNKED}`, '0\r\n\r\n'],
    ['Transfer-Encoding, then Content-Length', `${CHUNKED}Content-Length: 4\r\n`, '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 1\r\nContent-Length: 2\r\n', 'ab'],
    ['one length twice', ONE + ONE, 'a'],
    ['a list of lengths', 'Content-Length: 1, 1\r\n', 'a'],
    ['an empty length', 'Content-Length: \r\n', 'a'],
    ['a length in hex', 'Content-Length: 0x1\r\n', 'a'],
    ['a signed length', 'Content-Length: +1\r\n', 'a'],
    ['a negative length', 'Content-Length: -1\r\n', 'a'],
    ['a length of two numbers', 'Content-Length: 1 1\r\n', 'a'],
    ['a length beyond 64 bits', 'Content-Length: 99999999999999999999999\r\n', 'a'],
    ['a space before the colon of a length', 'Content-Length : 1\r\n', 'a'],
    ['a space before the colon of a coding', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'],
    ['a coding behind a vertical tab', 'Transfer-Encoding:\u000bchunked\r\n', CHUNK],
    ['a quoted coding', 'Transfer-Encoding: "chunked"\r\n', CHUNK],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n', CHUNK],
    ['no coding', 'Transfer-Encoding: identity\r\n', 'a'],
    ['chunked, and not last', 'Transfer-Encoding: chunked, identity\r\n', CHUNK],
    ['chunked twice', CHUNKED + CHUNKED, CHUNK],
    ['a folded header', `X: a\r\n b\r\n${ONE}`, 'a'],
    ['a folded length', 'Content-Length:\r\n 1\r\n', 'a'],
    ['a line that ends with LF', `X: a\n${ONE}`, 'a'],
    ['a coding behind LF', `X: a\n${CHUNKED}${ONE}`, 'a'],
    ['a coding behind CR', `X: a\r${CHUNKED}${ONE}`, 'a'],
    ['NUL in a value', `X: a\0b\r\n${ONE}`, 'a'],
    ['NUL in a name', `X\0: a\r\n${ONE}`, 'a'],
    ['a space in a name', `X Y: a\r\n${ONE}`, 'a'],
    ['no name', `: a\r\n${ONE}`, 'a'],
    ['no colon', `nothing\r\n${ONE}`, 'a'],
    ['a chunk of no size', CHUNKED, 'zz\r\n\r\n'],
    ['a chunk of an empty size', CHUNKED, '\r\na\r\n0\r\n\r\n'],
    ['a chunk size with 0x', CHUNKED, '0x1\r\na\r\n0\r\n\r\n'],
    ['a chunk size with a sign', CHUNKED, '+1\r\na\r\n0\r\n\r\n'],
    ['a negative chunk size', CHUNKED, '-1\r\na\r\n0\r\n\r\n'],
    ['a chunk size behind a space', CHUNKED, ' 1\r\na\r\n0\r\n\r\n'],
    ['a chunk size before a space', CHUNKED, '1 \r\na\r\n0\r\n\r\n'],
    ['a chunk size beyond 64 bits', CHUNKED, '10000000000000001\r\na\r\n0\r\n\r\n'],
    ['a chunk size that ends with LF', CHUNKED, '1\na\r\n0\r\n\r\n'],
    ['a chunk that ends with LF', CHUNKED, '1\r\na\n0\r\n\r\n'],
    ['a chunk longer than it says', CHUNKED, '1\r\nab\r\n0\r\n\r\n'],
    ['a chunk extension with LF', CHUNKED, '1;a\na\r\n0\r\n\r\n'],
    ['a chunk extension with a quoted line end', CHUNKED, '1;a="b\r\n0\r\n\r\n"\r\na\r\n0\r\n\r\n'],
    ['a length in the trailer', CHUNKED, '1\r\na\r\n0\r\nContent-Length: 99\r\n\r\n'],
  ])('%s', async (_, headers, body) => {
    const served = await listening();
    const { statuses, added, text } = await seen(served, append(served.authorization, headers) + body);
    expect([statuses, added]).toEqual([[400], 0]);
    expect(refusal(text)).toEqual([400, PROBLEM, 'invalid_request']);
    expect(text).toMatch(/^connection: close\r$/im);
  });

  test.each<[string, string]>([
    ['lines that end with LF', `GET /healthz HTTP/1.1\nHost: x\n\n`],
    ['a head that ends with LF', `GET /healthz HTTP/1.1\r\nHost: x\r\n\n`],
    ['a first header behind a space', `GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n`],
    ['a request line behind a space', ` GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a request line with tabs', `GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n`],
    ['no version', 'GET /healthz\r\n\r\n'],
    ['version 1.2', 'GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n'],
    ['version 1.10', 'GET /healthz HTTP/1.10\r\nHost: x\r\n\r\n'],
    ['a version in small letters', 'GET /healthz http/1.1\r\nHost: x\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS handshake', '\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003'],
  ])('%s', async (_, request) => {
    const served = await listening();
    const { statuses, text } = await seen(served, request);
    expect(statuses).toEqual([400]);
    expect(refusal(text)).toEqual([400, PROBLEM, 'invalid_request']);
  });

  test.each<[string, string, string, readonly number[], number]>([
    ['zeros before a length', 'Content-Length: 001\r\n', 'a', [201, 200], 1],
    ['a coding behind a tab, in capitals', 'Transfer-Encoding:\tCHUNKED\r\n', CHUNK, [201, 200], 1],
    ['a chunk extension', CHUNKED, '1;a=b\r\na\r\n0\r\n\r\n', [201, 200], 1],
    ['a trailer', CHUNKED, '1\r\na\r\n0\r\nX: y\r\n\r\n', [201, 200], 1],
    ['a length that Connection names', `Connection: content-length\r\n${ONE}`, 'a', [201, 200], 1],
    ['a coding that is not chunked alone', 'Transfer-Encoding: identity, chunked\r\n', CHUNK, [415, 200], 0],
    ['two tokens', `Authorization: Bearer x\r\n${ONE}`, 'a', [401, 200], 0],
    ['two types', `Content-Type: application/x-ndjson\r\n${ONE}`, 'a', [415, 200], 0],
    ['two retry keys', `Idempotency-Key: a\r\nIdempotency-Key: b\r\n${ONE}`, 'a', [400, 200], 0],
  ])('%s: one meaning, and the next request is answered', async (_, headers, body, statuses, added) => {
    const served = await listening();
    const found = await seen(served, append(served.authorization, headers) + body);
    expect([found.statuses, found.added]).toEqual([statuses, added]);
  });

  test('a request in the body of a GET is no request', async () => {
    const served = await listening();
    const inner = append(served.authorization, ONE);
    const outer = `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: ${inner.length + 1}\r\n\r\n${inner}a`;
    const { statuses, added } = await seen(served, outer);
    expect([statuses, added]).toEqual([[200, 200], 0]);
  });

  test('chunks in HTTP/1.0 end the connection behind their answer', async () => {
    const served = await listening();
    const request = append(served.authorization, CHUNKED).replace('HTTP/1.1', 'HTTP/1.0') + CHUNK;
    const { statuses, added } = await seen(served, request);
    expect([statuses, added]).toEqual([[201], 1]);
  });
});

describe('HTTP-23 a target is a path of this server, whatever its form', () => {
  test.each<[string, number, string | undefined]>([
    ['http://other.example/healthz', 200, undefined],
    ['https://x/healthz', 200, undefined],
    ['http://x', 404, 'not_found'],
    ['ftp://x/healthz', 400, 'invalid_request'],
    ['file:///etc/passwd', 400, 'invalid_request'],
    ['http://169.254.169.254/latest/meta-data', 404, 'not_found'],
    ['x:80', 400, 'invalid_request'],
    ['*', 400, 'invalid_request'],
    ['healthz', 400, 'invalid_request'],
    ['/healthz#a', 400, 'invalid_request'],
    ['/../../etc/passwd', 400, 'invalid_request'],
    ['/logs/main/../../../key', 400, 'invalid_request'],
    ['/logs/..%2f..%2fdata', 400, 'invalid_request'],
    ['/logs/main/tile/0/..%5c..%5ckey', 400, 'malformed_tile_path'],
    ['/logs/main/db/CURRENT', 404, 'not_found'],
    ['/logs/main/key', 404, 'not_found'],
    ['/logs/__proto__/checkpoint', 404, 'unknown_log'],
    ['/logs/constructor/checkpoint', 404, 'unknown_log'],
  ])('%s', async (target, status, code) => {
    const { server } = await listening();
    const answer = await answerTo(server.port, `GET ${target} HTTP/1.1\r\n${CLOSE}\r\n`);
    expect([Number(answer.slice(9, 12)), refusal(answer)[2]]).toEqual([status, code]);
  });

  test.each(['x/../y', 'u@x', '', 'x y', 'x:port', '[::1'])('a Host of %j is none', async (host) => {
    const { server } = await listening();
    const request = `GET /logs/main/checkpoint HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    expect(refusal(await answerTo(server.port, request))).toEqual([400, PROBLEM, 'invalid_request']);
  });
});

describe('HTTP-2 methods that are not those of a path', () => {
  test.each([
    'PUT',
    'DELETE',
    'PATCH',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'QUERY',
    'LOCK',
    'PURGE',
  ])('%s on entries is 405', async (method) => {
    const served = await listening();
    const request = append(served.authorization, ONE).replace('POST', method);
    const { statuses, added, text } = await seen(served, `${request}a`);
    expect([statuses, added]).toEqual([[405, 200], 0]);
    expect(text).toMatch(/^allow: GET, HEAD, POST\r$/im);
  });

  test.each(['FOO', 'get', 'POST/1', 'G\u00c9T'])('%j is no method', async (method) => {
    const { server } = await listening();
    const answer = await answerTo(server.port, `${method} /healthz HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(refusal(answer)).toEqual([400, PROBLEM, 'invalid_request']);
  });

  test('a header does not change the method', async () => {
    const served = await listening();
    const request = append(served.authorization, `X-HTTP-Method-Override: DELETE\r\n${ONE}`);
    expect(await seen(served, `${request}a`)).toMatchObject({ statuses: [201, 200], added: 1 });
  });
});

describe('HTTP-6 what is compressed is not taken apart, nor taken', () => {
  const bomb = gzipSync(Buffer.alloc(60_000)).toString('latin1');

  test.each([
    'gzip',
    'deflate',
    'br',
    'zstd',
    'gzip, identity',
    'x',
  ])('Content-Encoding: %s', async (coding) => {
    const served = await listening();
    const headers = `Content-Encoding: ${coding}\r\nContent-Length: ${bomb.length}\r\n`;
    const found = await seen(served, append(served.authorization, headers) + bomb);
    expect([found.statuses, found.added]).toEqual([[415, 200], 0]);
  });
});

describe('HTTP-25 many headers and trailers', () => {
  test.each<[string, string, number]>([
    ['a header of 17,000 bytes', `X: ${'a'.repeat(17_000)}\r\n`, 431],
    ['17,000 headers', 'a:b\r\n'.repeat(17_000), 431],
    ['5,000 headers in 16 KiB', 'a:b\r\n'.repeat(5_000), 200],
  ])('%s', async (_, headers, status) => {
    const { server } = await listening();
    const answer = await answerTo(server.port, `GET /healthz HTTP/1.1\r\n${CLOSE}${headers}\r\n`);
    expect(Number(answer.slice(9, 12))).toBe(status);
  });

  test.each<[string, string, string]>([
    ['trailers without end', `1\r\na\r\n0\r\n${'a: b\r\n'.repeat(17_000)}`, 'headers_too_large'],
    ['an extension without end', `1;${'a'.repeat(17_000)}`, 'body_too_large'],
  ])('%s are no entry', async (_, body, code) => {
    const served = await listening();
    const answer = await answerTo(served.server.port, post(served.authorization, CHUNKED) + body);
    expect(refusal(answer).slice(1)).toEqual([PROBLEM, code]);
    expect([served.log.head.size, served.bugs]).toEqual([0, []]);
  });
});

describe('HTTP-25 a byte at a time buys no more time', () => {
  const short = { headersMs: 50, requestMs: 50 };

  test.each<[string, (authorization: string) => string]>([
    ['of a header', () => 'GET /healthz HTTP/1.1\r\nHost: x\r\nX: '],
    ['of a body', (authorization) => post(authorization, 'Content-Length: 65535\r\n')],
    ['of a chunk', (authorization) => `${post(authorization, CHUNKED)}ffff\r\n`],
  ])('%s', async (_, head) => {
    const { server, authorization, log } = await listening(short);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    const closed = once(socket, 'close');
    socket.write(head(authorization));
    // No more than a header may have: that would be another refusal.
    for (let sent = 0; socket.writable && answer === ''; sent += 1) {
      if (sent < 8_000) socket.write('a');
      await nextTurn();
    }
    socket.end();
    await closed;
    expect(refusal(answer)).toEqual([408, PROBLEM, 'request_timeout']);
    expect(log.head.size).toBe(0);
  });

  test('half-sent requests keep nobody else waiting, and all of them end', async () => {
    const { server, authorization } = await listening({ headersMs: 1_000, requestMs: 1_000 });
    const halves = Array.from({ length: 200 }, () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write('POST /logs/main/entries HTTP/1.1\r\nHost: x\r\n');
      return once(socket, 'close');
    });
    await expect.poll(() => server.connections()).toBeGreaterThan(150);
    expect(await answerTo(server.port, `${post(authorization, ONE)}a`)).toMatch(/^HTTP\/1.1 201 /);
    await Promise.all(halves);
    await expect.poll(() => server.connections()).toBe(0);
  });
});
