import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { TrustedProxies } from '../../src/http/client-address.ts';
import { type Asking, CLIENTS_MAX, ClientRates } from '../../src/http/client-rates.ts';
import { SERVER_LIMITS, startServer } from '../../src/http/server.ts';
import type { KnownToken, TokenSource } from '../../src/http/tokens.ts';
import { StepClock } from '../support/step-clock.ts';
import { newServer } from './new-server.ts';
import { answerTo, CLOSE, PROBLEM, post, refusal } from './raw-socket.ts';

/*
 * What one client may ask of a server, and how clients are told apart.
 */

const tokenOf = (id: string): string => `stele_${id}_${'a'.repeat(43)}`;
const known = (id: string, facts: Partial<KnownToken> = {}): KnownToken => {
  const sha256 = createHash('sha256').update(tokenOf(id)).digest('hex');
  return { id, sha256, scopes: ['append'], logs: '*', ...facts };
};
const TOKENS = [
  known('00000001'),
  known('00000002'),
  known('00000003', { expiresAt: '2020-01-01T00:00:00Z' }),
];

const from = (remoteAddress: string, authorization?: string, url = '/logs'): Asking => ({
  ...{ url, socket: { remoteAddress } },
  headers: authorization === undefined ? {} : { authorization },
});
const A = '192.0.2.1';
const B = '192.0.2.2';
const bearer = (id: string): string => `Bearer ${tokenOf(id)}`;

interface Rated {
  readonly rates: ClientRates;
  readonly clock: StepClock;
  /** How many of so many requests are taken. */
  taken(asking: Asking, count: number): Promise<number>;
}

function rated(perSec = 2, tokens: TokenSource = () => TOKENS): Rated {
  const clock = new StepClock();
  const rates = new ClientRates({ perSec, tokens, proxies: new TrustedProxies([]), clock });
  const taken = async (asking: Asking, count: number): Promise<number> => {
    let good = 0;
    for (let i = 0; i < count; i += 1) if ((await rates.refusal(asking)) === undefined) good += 1;
    return good;
  };
  return { rates, clock, taken };
}

describe('HTTP-34 a client has a rate', () => {
  test('of ten seconds at once, and then one request as it is earned', async () => {
    const { rates, clock, taken } = rated();
    expect(await taken(from(A), 25)).toBe(20);
    expect(rates.refused).toBe(5);
    clock.pass(499);
    expect(await taken(from(A), 1)).toBe(0);
    clock.pass(1);
    expect(await taken(from(A), 2)).toBe(1);
    clock.pass(3_600_000);
    expect(await taken(from(A), 25)).toBe(20);
  });

  test.each([
    [1, 1],
    [2, 1],
    [1_000, 1],
  ])('at %i a second it is told to wait %i s', async (perSec, seconds) => {
    const { rates, taken } = rated(perSec);
    await taken(from(A), perSec * 10);
    expect(await rates.refusal(from(A))).toMatchObject({
      ...{ code: 'rate_limited', kind: 'limited', details: { retryAfterSec: seconds } },
    });
  });

  test.each<[string, Asking, Asking, number]>([
    ['another address', from(A), from(B), 20],
    ['the same one in IPv6', from(A), from(`::ffff:${A}`), 0],
    ['another of the same network of IPv6', from('2001:db8::1'), from('2001:db8::2'), 0],
    ['a token at the same address', from(A), from(A, bearer('00000001')), 20],
    ['another token there', from(A, bearer('00000001')), from(A, bearer('00000002')), 20],
    ['the same token elsewhere', from(A, bearer('00000001')), from(B, bearer('00000001')), 0],
    ['a token that nobody has', from(A), from(A, bearer('00000009')), 0],
    ['a token that is over', from(A), from(A, bearer('00000003')), 0],
    ['a header that is none', from(A), from(A, 'Basic x'), 0],
    ['another path', from(A), from(A, undefined, '/nowhere'), 0],
    ['whoever asks whether the server is alive', from(A), from(A, undefined, '/healthz'), 25],
    ['whoever asks whether it is ready', from(A), from(A, undefined, '/readyz'), 25],
    ['something that looks like it', from(A), from(A, undefined, '/readyz/'), 0],
    ['no address', from(A), { ...from(A), socket: {} }, 20],
  ])('%s', async (_, one, other, left) => {
    const { taken } = rated();
    expect(await taken(one, 25)).toBe(20);
    expect(await taken(other, 25)).toBe(left);
  });

  test('with the tokens as they are now; where they cannot be read, by the address', async () => {
    let answer: Promise<readonly KnownToken[]> = Promise.resolve(TOKENS);
    const { taken } = rated(2, () => answer);
    const asking = from(A, bearer('00000001'));
    expect(await taken(asking, 25)).toBe(20);
    answer = Promise.reject(new Error('no file'));
    expect(await taken(asking, 25)).toBe(20);
    expect(await taken(from(A), 1)).toBe(0);
    answer = Promise.resolve([]);
    expect(await taken(asking, 1)).toBe(0);
  });

  test('and by the address where asking for them fails at once', async () => {
    const { taken } = rated(2, () => {
      throw new TlogError('storage_unreadable', 'a disk');
    });
    expect([await taken(from(A, bearer('00000001')), 25), await taken(from(A), 1)]).toEqual([20, 0]);
  });

  test('10,000 addresses are remembered, and take no room from tokens', async () => {
    expect(CLIENTS_MAX).toBe(10_000);
    const { taken } = rated(1);
    for (let i = 0; i < CLIENTS_MAX; i += 1) await taken(from(`10.0.${i >> 8}.${i % 256}`), 1);
    expect([await taken(from('10.1.0.0'), 11), await taken(from('10.1.0.1'), 1)]).toEqual([10, 0]);
    expect([await taken(from('10.0.0.0'), 10), await taken(from(A, bearer('00000001')), 11)]).toEqual([
      9, 10,
    ]);
  });
});

describe('HTTP-34 the address of a client', () => {
  const proxies = ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'];
  test.each<[string, string | undefined, string | undefined, string]>([
    ['nothing is said', A, undefined, A],
    ['a client says it, who is no proxy', A, '203.0.113.9', A],
    ['a proxy says it', '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a proxy that connects by IPv6', '::ffff:127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['the client had put something before', '127.0.0.1', `198.51.100.7, ${A}`, A],
    ['two proxies of ours', '127.0.0.1', `198.51.100.7,${A} , 10.9.8.7`, A],
    ['all are ours', '127.0.0.1', '10.0.0.2, 10.0.0.1', '10.0.0.2'],
    ['a network of IPv6', '2001:db8:ffff::1', '2001:db9::1', '2001:db9::1'],
    ['one outside of the network', '11.0.0.1', '203.0.113.9', '11.0.0.1'],
    ['no address', '127.0.0.1', 'unknown', '127.0.0.1'],
    ['an address with a port', '127.0.0.1', '203.0.113.9:80', '127.0.0.1'],
    ['an empty one', '127.0.0.1', '', '127.0.0.1'],
    ['a proxy that says nothing', '127.0.0.1', undefined, '127.0.0.1'],
    ['no socket', undefined, '203.0.113.9', ''],
  ])('%s', (_, remoteAddress, header, address) => {
    const headers = header === undefined ? {} : { 'x-forwarded-for': header };
    expect(new TrustedProxies(proxies).clientOf({ headers, socket: { remoteAddress } })).toBe(address);
  });

  test.each([
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0',
  ])('%j is no proxy', (proxy) => {
    expect(() => new TrustedProxies([proxy])).toThrow(expect.objectContaining({ code: 'invalid_config' }));
  });

  test.each(['10.0.0.0/0', '10.0.0.0/32', '::/0', '::1/128'])('%j is one', (proxy) => {
    expect(new TrustedProxies([proxy]).has(proxy.split('/')[0] ?? '')).toBe(true);
  });
});

describe('HTTP-34 who is over its rate', () => {
  async function served(proxies: readonly string[] = [], unheardMs = 0) {
    const { app, log, authorization } = await newServer();
    const clock = new StepClock();
    const deps = { perSec: 1, tokens: () => TOKENS, proxies: new TrustedProxies(proxies), clock, unheardMs };
    const rates = new ClientRates(deps);
    const at = { hostname: '127.0.0.1', port: 0 };
    const { port, close } = await startServer(app, at, { ...SERVER_LIMITS, drainMs: 0 }, { rates });
    onTestFinished(close);
    const ask = (header = ''): Promise<string> =>
      answerTo(port, `GET /logs HTTP/1.1\r\n${CLOSE}${header}\r\n`);
    return { log, authorization, rates, port, ask };
  }

  test('gets a 429 that says when to come again, and nothing is done', async () => {
    const { ask, port, log, authorization, rates } = await served();
    for (let i = 0; i < 10; i += 1) expect(await ask()).toMatch(/^HTTP\/1.1 200 /);
    const answer = await ask();
    expect(refusal(answer)).toEqual([429, PROBLEM, 'rate_limited']);
    expect(answer).toMatch(/^retry-after: 1\r$/im);
    const sent = await answerTo(port, `${post(authorization, 'Content-Length: 1\r\n')}x`);
    expect([refusal(sent)[0], log.head.size, rates.refused]).toEqual([429, 0, 2]);
  });

  test('is not helped by naming other addresses, unless it is a proxy that is trusted', async () => {
    const spoofed = await served();
    const trusted = await served(['127.0.0.1']);
    const statuses = async ({ ask }: typeof spoofed): Promise<number[]> => {
      const all: number[] = [];
      for (let i = 0; i < 12; i += 1) all.push(refusal(await ask(`X-Forwarded-For: 192.0.2.${i}\r\n`))[0]);
      return [...new Set(all)];
    };
    expect([await statuses(spoofed), await statuses(trusted)]).toEqual([[200, 429], [200]]);
  });

  test('has its connection read again after a while; that of a proxy is read on', async () => {
    const two = `GET /logs HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n${CLOSE}\r\n`;
    for (const proxies of [[], ['127.0.0.1']]) {
      const { ask, port } = await served(proxies, proxies.length === 0 ? 10 : 3_600_000);
      for (let i = 0; i < 10; i += 1) await ask();
      const answer = await answerTo(port, two);
      expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 429', 'HTTP/1.1 200']);
    }
  });
});

describe('HTTP-34 what fails behind the rates is a bug of ours', () => {
  const BUG = new TypeError('a bug');
  const deps = { perSec: 1, proxies: new TrustedProxies([]), clock: new StepClock() };

  /** A server that knows its tokens at once, or later, and who has been told of what. */
  async function broken(tokens: TokenSource, fail: (outgoing: ServerResponse) => void) {
    const bugs: unknown[] = [];
    const appendDirectly = (_: IncomingMessage, outgoing: ServerResponse): boolean => {
      fail(outgoing);
      throw BUG;
    };
    const app = Object.assign(new Hono(), { appendDirectly });
    const doors = {
      rates: new ClientRates({ ...deps, tokens }),
      onBug: (thrown: unknown) => bugs.push(thrown),
    };
    const at = { hostname: '127.0.0.1', port: 0 };
    const { port, close } = await startServer(app, at, { ...SERVER_LIMITS, drainMs: 0 }, doors);
    onTestFinished(close);
    const header = `Authorization: ${bearer('00000001')}\r\n`;
    return { bugs, ask: () => answerTo(port, `GET /logs HTTP/1.1\r\n${CLOSE}${header}\r\n`) };
  }

  const begun = (outgoing: ServerResponse): void => {
    outgoing.writeHead(200, { 'Content-Length': 9 });
    outgoing.write('half');
  };

  test.each<[string, TokenSource]>([
    ['at once', () => TOKENS],
    ['later', async () => TOKENS],
    // A list that is none.
    ['for the token', async () => [undefined as unknown as KnownToken]],
  ])('%s: answered with 500, and told', async (_, tokens) => {
    const { ask, bugs } = await broken(tokens, () => undefined);
    expect([refusal(await ask()), bugs.length]).toEqual([[500, PROBLEM, 'internal'], 1]);
  });

  test.each<[string, TokenSource]>([
    ['at once', () => TOKENS],
    ['later', async () => TOKENS],
  ])('%s, with half an answer sent: cut off, and told', async (_, tokens) => {
    const { ask, bugs } = await broken(tokens, begun);
    expect([(await ask()).includes('internal'), bugs]).toEqual([false, [BUG]]);
  });
});
