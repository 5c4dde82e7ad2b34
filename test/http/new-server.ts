import { createHash } from 'node:crypto';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

const TOKEN = `stele_00000000_${'a'.repeat(43)}`;
const sha256 = createHash('sha256').update(TOKEN).digest('hex');

/** A server without a socket, its log and a way to write to it. */
export interface TestServer {
  readonly app: Hono;
  readonly log: OpenLog;
  readonly bugs: unknown[];
  post(path: string, body: Uint8Array | string, headers?: Record<string, string>): Promise<Response>;
}

/** A server on a new log of its own, closed when the test is over. */
export async function newServer(kind: 'entries' | 'events' = 'entries'): Promise<TestServer> {
  const dir = await newDataDirectory({ kind });
  const log = await openLog({ dir, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  const bugs: unknown[] = [];
  const app = createApp({
    logs: { names: () => ['main'], get: async (name) => (name === 'main' ? log : undefined) },
    tokens: async () => [{ id: '00000000', sha256, scopes: ['append'], logs: '*' }],
    clock: systemClock,
    reads: 'public',
    onBug: (thrown) => bugs.push(thrown),
  });
  const post: TestServer['post'] = async (path, body, headers) => {
    const type = { 'content-type': 'application/octet-stream', authorization: `Bearer ${TOKEN}` };
    const init = { method: 'POST', headers: { ...type, ...headers }, body: Buffer.from(body) };
    return app.request(`/logs/main/${path}`, init);
  };
  return { app, log, bugs, post };
}
