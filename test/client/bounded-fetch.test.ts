import { describe, expect, test } from 'vitest';
import { type Answer, boundedFetch, type Fetch } from '../../src/client/bounded-fetch.ts';

const limits = { bytesMax: 100, timeoutMs: 10 };
const url = 'http://log.example/checkpoint';

function ask(fetch: Fetch, init: RequestInit = {}): Promise<Answer> {
  return boundedFetch(fetch, url, init, limits);
}

function endless(): Response {
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64)) }));
}

describe('CLIENT-1 every answer is bounded in bytes and time', () => {
  test.each([0, 99, 100])('a body of %i bytes is read', async (length) => {
    const answer = await ask(async () => new Response(new Uint8Array(length)));
    expect(answer).toMatchObject({ status: 200, body: new Uint8Array(length) });
  });

  test.each([
    ['longer than what was asked for', new Response(new Uint8Array(101), { status: 404 }), 101],
    ['as long as is read', new Response(new Uint8Array(65_536), { status: 404 }), 65_536],
    ['longer than is read', new Response(new Uint8Array(65_537), { status: 404 }), 65_536],
    ['without an end', new Response(endless().body, { status: 404 }), 65_536],
  ])('a refusal %s is one all the same', async (_, refusal, length) => {
    const { status, body } = await ask(async () => refusal);
    expect([status, body.length]).toEqual([404, length]);
  });

  test.each<[string, Fetch, string]>([
    ['one byte too many', async () => new Response(new Uint8Array(101)), 'malformed_answer'],
    ['an endless body', async () => endless(), 'malformed_answer'],
    ['no answer', () => new Promise(() => undefined), 'unreachable'],
    ['a body that hangs', async () => new Response(new ReadableStream({})), 'unreachable'],
    ['a refused connection', () => Promise.reject(new TypeError('fetch failed')), 'unreachable'],
  ])('%s', async (_, fetch, code) => {
    await expect(ask(fetch)).rejects.toMatchObject({ code });
  });

  test('redirects are not followed', async () => {
    const seen: RequestInit[] = [];
    await ask(async (_, init) => {
      seen.push(init);
      return new Response('');
    });
    expect(seen[0]?.redirect).toBe('error');
  });

  test('abort gives its own reason', async () => {
    const stop = new AbortController();
    const asked = ask(() => new Promise(() => undefined), { signal: stop.signal });
    stop.abort(new RangeError('stopped'));
    await expect(asked).rejects.toThrow('stopped');
  });
});
