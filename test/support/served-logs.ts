import { createHash } from 'node:crypto';
import { cp } from 'node:fs/promises';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogClient, type LogClientOptions } from '../../src/client/log-client.ts';
import { createApp } from '../../src/http/app.ts';
import { startServer } from '../../src/http/server.ts';
import type { KnownToken } from '../../src/http/tokens.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { newDataDirectory } from './test-log.ts';

export const LOG_URL = 'http://log.example/logs/main';
export const TOKEN: string = `stele_00000000_${'c'.repeat(43)}`;
const sha256 = createHash('sha256').update(TOKEN).digest('hex');
/** What a server knows of it. */
export const KNOWN_TOKEN: KnownToken = { id: '00000000', sha256, scopes: ['append', 'read'], logs: '*' };

/** A real log behind the real HTTP interface, without a socket. */
export interface ServedLog {
  readonly log: OpenLog;
  readonly dir: DataDirectory;
  readonly vkey: string;
  readonly app: Hono;
  readonly fetch: Fetch;
  /** A client that trusts the log's key and does not wait between tries. */
  client(options?: Partial<LogClientOptions>): LogClient;
  append(...entries: readonly string[]): Promise<void>;
}

/** A log of the entries `entry 0`, `entry 1`, … */
export async function servedLog(
  size: number,
  options: Parameters<typeof newDataDirectory>[0] = {},
): Promise<ServedLog> {
  const dir = await newDataDirectory(options);
  const served = await serve(dir);
  await served.append(...entryTexts(0, size));
  return served;
}

/** Two logs of one key: the same `shared` entries, then each has entries of its own. What no honest log can be. */
export async function forkedLogs(shared: number, own: readonly (readonly string[])[]): Promise<ServedLog[]> {
  const dir = await newDataDirectory();
  const log = await openLog({ dir, clock: systemClock }, 'main');
  if (shared > 0) await log.append({ entries: entryTexts(0, shared).map(bytesOf) });
  await log.close();
  const forks: ServedLog[] = [];
  for (const [i, entries] of own.entries()) {
    const copy = { dataPath: `${dir.dataPath}-${i}`, guardPath: `${dir.guardPath}-${i}` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true, preserveTimestamps: true });
    await cp(dir.guardPath, copy.guardPath, { recursive: true, preserveTimestamps: true });
    const fork = await serve(copy);
    if (entries.length > 0) await fork.append(...entries);
    forks.push(fork);
  }
  return forks;
}

/** The same behind a socket. */
export async function startServedLog(
  size: number,
): Promise<{ readonly logUrl: string; readonly vkey: string }> {
  const { app, vkey } = await servedLog(size);
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return { logUrl: `http://127.0.0.1:${server.port}/logs/main`, vkey };
}

async function serve(dir: DataDirectory): Promise<ServedLog> {
  const log = await openLog({ dir, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  const app = createApp({
    logs: { names: () => ['main'], get: async () => log },
    tokens: async () => [KNOWN_TOKEN],
    clock: systemClock,
  });
  const fetch: Fetch = async (url, init) => app.request(url, init);
  const vkey = log.vkeys[0] ?? '';
  const retry = { sleep: async () => undefined, random: () => 0 };
  const defaults = { logUrl: LOG_URL, token: TOKEN, trust: { vkey }, fetch, retry };
  return {
    log,
    dir,
    vkey,
    app,
    fetch,
    client: (options = {}) => new LogClient({ ...defaults, ...options }),
    append: async (...entries) => {
      if (entries.length > 0) await log.append({ entries: entries.map(bytesOf) });
    },
  };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** `entry <start>` to `entry <end - 1>`. */
export function entryTexts(start: number, end: number): string[] {
  return Array.from({ length: end - start }, (_, i) => `entry ${start + i}`);
}

/** The same server, except that `lie` makes the answers to paths that contain `part`. */
export function lying(
  honest: Fetch,
  part: string,
  lie: (honest: Response) => Promise<Response> | Response,
): Fetch {
  return async (url, init) => {
    const answer = await honest(url, init);
    return url.includes(part) ? lie(answer) : answer;
  };
}

/** Changes the members of a JSON answer. */
export function members(change: (members: Record<string, unknown>) => Record<string, unknown>) {
  return async (honest: Response): Promise<Response> =>
    Response.json(change((await honest.json()) as Record<string, unknown>), { status: honest.status });
}
