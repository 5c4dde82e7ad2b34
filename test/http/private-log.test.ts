import { describe, expect, test } from 'vitest';
import { newServer, READ_TOKEN } from './new-server.ts';

const READS = [
  'checkpoint',
  'checkpoints',
  'tile/0/000.p/2',
  'tile/entries/000.p/2',
  'entries/0',
  'entries?start=0&end=2',
  'proofs/inclusion?index=0',
  'proofs/consistency?from=1',
  'proofs/multi?indexes=0,1',
  'log',
];
const reader = { authorization: `Bearer ${READ_TOKEN}` };

/** A log of two entries that only token holders may read. */
async function privateServer() {
  const server = await newServer({ reads: 'token' });
  const type = { 'content-type': 'application/x-ndjson' };
  const written = await server.post('entries', 'a\nb', type);
  expect(written.status).toBe(201);
  const writer = { authorization: server.authorization };
  return { ...server, writer };
}

describe('HTTP-20 a log whose reads need a token', () => {
  test.each(READS)('%s', async (path) => {
    const { app, writer } = await privateServer();
    const ask = (headers: Record<string, string>) => app.request(`/logs/main/${path}`, { headers });
    const [nobody, wrongScope, allowed] = await Promise.all([ask({}), ask(writer), ask(reader)]);
    expect([nobody.status, (await nobody.json()).code]).toEqual([401, 'unauthorized']);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
    expect([wrongScope.status, (await wrongScope.json()).code]).toEqual([403, 'forbidden']);
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('cache-control')).toMatch(/^private, /);
    expect(allowed.headers.get('vary')).toContain('Authorization');
  });

  test('a multi-proof by body is a read, and reading does not allow to append', async () => {
    const { app, log } = await privateServer();
    const init = { method: 'POST', body: '{"indexes":[0]}' };
    expect((await app.request('/logs/main/proofs/multi', init)).status).toBe(401);
    const answer = await app.request('/logs/main/proofs/multi', { ...init, headers: reader });
    expect(answer.status).toBe(200);
    const octets = { ...reader, 'content-type': 'application/octet-stream' };
    const append = { method: 'POST', body: 'x', headers: octets };
    expect((await app.request('/logs/main/entries', append)).status).toBe(403);
    expect(log.head.size).toBe(2);
  });

  test('a tile stays immutable in the cache of its reader', async () => {
    const { app } = await privateServer();
    const answer = await app.request('/logs/main/tile/0/000.p/2', { headers: reader });
    expect(answer.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    const again = { ...reader, 'if-none-match': answer.headers.get('etag') ?? '' };
    const unchanged = await app.request('/logs/main/tile/0/000.p/2', { headers: again });
    expect([unchanged.status, unchanged.headers.get('cache-control')]).toEqual([
      304,
      'private, max-age=31536000, immutable',
    ]);
  });

  test('what a refused reader gets is kept by no cache', async () => {
    const { app } = await privateServer();
    const missing = await app.request('/logs/main/entries/9', { headers: reader });
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store']);
  });
});
