import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { expect, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { startServer } from '../../src/http/server.ts';
import type { Log } from '../../src/sequencer/log.ts';
import { MemoryLog } from '../support/memory-log.ts';

const TOKEN = `stele_00000000_${'a'.repeat(43)}`;
const sha256 = createHash('sha256').update(TOKEN).digest('hex');
const fake = {
  name: 'main',
  kind: 'entries',
  duplicates: 'key',
  reads: 'public',
  onCommit: () => () => undefined,
};
const log = Object.assign(new MemoryLog(300), fake);
const app = createApp({
  logs: {
    names: () => ['main'],
    get: async (name) => (name === 'main' ? (log as unknown as Log) : undefined),
  },
  tokens: async () => [{ id: '00000000', sha256, scopes: ['append'], logs: '*' }],
  clock: { nowMs: () => 0 },
});
const auth = { authorization: `Bearer ${TOKEN}` };
const octet = { ...auth, 'content-type': 'application/octet-stream' };
const bundle = { ...auth, 'content-type': 'application/vnd.stele.entry-bundle' };
const lines = { ...auth, 'content-type': 'application/x-ndjson' };

test.each([
  ['/logs/main/entries', octet, 'x'.repeat(65_536), 413, 'entry_too_large'],
  ['/logs/main/entries', bundle, '\0\x05ab', 400, 'malformed_bundle'],
  ['/logs/main/entries', lines, 'a\n\nb', 400, 'empty_line'],
  ['/logs/main/entries', auth, 'x', 415, 'unsupported_media_type'],
  ['/logs/main/entries', { authorization: 'Bearer no' }, 'x', 401, 'unauthorized'],
  ['/logs/other/entries', octet, 'x', 404, 'unknown_log'],
  ['/logs/main/checkpoint', {}, 'x', 405, 'method_not_allowed'],
  ['/nowhere', {}, 'x', 404, 'not_found'],
  ['/logs/main/entries/01', {}, undefined, 400, 'malformed_number'],
  ['/logs/main/entries/9007199254740992', {}, undefined, 400, 'malformed_number'],
  ['/logs/main/entries/300', {}, undefined, 404, 'beyond_log_head'],
  ['/logs/main/tile/0/001', {}, undefined, 404, 'beyond_log_head'],
])('HTTP-1 refuses %s %j %#: %s', async (path, headers, body, status, code) => {
  const init = body === undefined ? { headers } : { method: 'POST', headers, body };
  const answer = await app.request(path, init);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  expect(log.entries.length).toBe(300);
});

test('HTTP-16 a percent-encoded tile path is refused on a socket, a good one is answered', async () => {
  await using server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  const status = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const at = { port: server.port, path: `/logs/main/${path}`, agent: false };
      get(at, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
    });
  expect(await status('tile/0/%30%30%30')).toBe(400);
  expect(await status('tile/0/001.p/44')).toBe(200);
});
