import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { createApp, type LogApp } from '../../src/http/app.ts';
import { BodyMemory } from '../../src/http/body-memory.ts';
import { WriteGate } from '../../src/http/write-gate.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { NewLog } from '../../src/sequencer/create-log.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import type { QueueLimits } from '../../src/sequencer/pending-queue.ts';
import { newDataDirectory } from '../support/test-log.ts';

/** May append and not read. */
const TOKEN = `stele_00000000_${'a'.repeat(43)}`;
/** May read and not append. */
export const READ_TOKEN: string = `stele_00000001_${'b'.repeat(43)}`;
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** May read events. */
export const QUERY_TOKEN: string = `stele_00000002_${'c'.repeat(43)}`;

/** May append, too. */
export const OTHER_TOKEN: string = `stele_00000003_${'d'.repeat(43)}`;

/** A server without a socket, its log and a way to write to it. */
export interface TestServer {
  readonly app: LogApp;
  readonly log: OpenLog;
  readonly bugs: unknown[];
  readonly bodies: BodyMemory;
  /** The header that allows to append. */
  readonly authorization: string;
  post(path: string, body: Uint8Array | string, headers?: Record<string, string>): Promise<Response>;
}

/** A server on a new log of its own, closed when the test is over. */
export async function newServer(
  newLog: Partial<NewLog> = {},
  queue?: QueueLimits,
  bodies: BodyMemory = new BodyMemory(),
  gate: WriteGate = new WriteGate(),
  askedBodies: BodyMemory = new BodyMemory(),
): Promise<TestServer> {
  return serverOn(await newDataDirectory(newLog), queue, bodies, gate, askedBodies);
}

/** The same on the log of a data directory. */
export async function serverOn(
  dir: DataDirectory,
  queue?: QueueLimits,
  bodies: BodyMemory = new BodyMemory(),
  gate: WriteGate = new WriteGate(),
  askedBodies: BodyMemory = new BodyMemory(),
): Promise<TestServer> {
  const log = await openLog({ dir, clock: systemClock }, 'main', queue === undefined ? {} : { queue });
  onTestFinished(() => log.close());
  const bugs: unknown[] = [];
  const app = createApp({
    logs: { names: () => ['main'], get: (name) => (name === 'main' ? log : undefined) },
    tokens: () => [
      { id: '00000000', sha256: sha256(TOKEN), scopes: ['append'], logs: '*' },
      { id: '00000001', sha256: sha256(READ_TOKEN), scopes: ['read'], logs: ['main'] },
      { id: '00000002', sha256: sha256(QUERY_TOKEN), scopes: ['query'], logs: ['main'] },
      { id: '00000003', sha256: sha256(OTHER_TOKEN), scopes: ['append'], logs: '*' },
    ],
    clock: systemClock,
    bodies,
    askedBodies,
    gate,
    onBug: (thrown) => bugs.push(thrown),
  });
  const post: TestServer['post'] = async (path, body, headers) => {
    const type = { 'content-type': 'application/octet-stream', authorization: `Bearer ${TOKEN}` };
    const init = { method: 'POST', headers: { ...type, ...headers }, body: Buffer.from(body) };
    return app.request(`/logs/main/${path}`, init);
  };
  return { app, log, bugs, bodies, authorization: `Bearer ${TOKEN}`, post };
}
