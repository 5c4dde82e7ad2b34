import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { newServer, QUERY_TOKEN, serverOn, type TestServer } from './new-server.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };
const LINES = { 'content-type': 'application/x-ndjson' };
/** An event without an id. */
export const small = {
  action: 'user.login',
  time: '2026-11-18T11:06:40Z',
  outcome: 'success',
  actor: { type: 'user', id: 'u-17' },
};
/** An id with signs that an address could take for something else. */
export const ID = 'order-2041:paid@shop~1';

/** A server with a log of events. */
export interface EventServer extends TestServer {
  /** Sends this as JSON; texts and bytes as they are. */
  send(event: unknown, headers?: Record<string, string>): Promise<Response>;
  lines(events: readonly unknown[], headers?: Record<string, string>): Promise<Response>;
  get(path: string, token?: string): Promise<Response>;
}

/** @param publicLabels what its leaves show @param dir holds the log; a new one unless given */
export async function eventServer(
  publicLabels: readonly 'kind'[] = [],
  dir?: DataDirectory,
): Promise<EventServer> {
  const server = dir === undefined ? await newServer({ kind: 'events', publicLabels }) : await serverOn(dir);
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const bodyOf = (value: unknown): Uint8Array | string =>
    value instanceof Uint8Array ? value : textOf(value);
  return {
    ...server,
    send: (event, headers = {}) => server.post('events', bodyOf(event), { ...JSON_TYPE, ...headers }),
    lines: (events, headers = {}) =>
      server.post('events', `${events.map(textOf).join('\n')}\n`, { ...LINES, ...headers }),
    get: async (path, token = QUERY_TOKEN) =>
      server.app.request(`/logs/main/events/${path}`, { headers: { authorization: `Bearer ${token}` } }),
  };
}

/** Status and code of a refusal. */
export const problem = async (answer: Response): Promise<readonly [number, string]> => [
  answer.status,
  (await answer.json()).code,
];

/** A record of another system with its bytes. */
export const raw = (content: string): Readonly<Record<'format' | 'media_type' | 'content', string>> => ({
  format: 'sshd',
  media_type: 'text/plain',
  content: Buffer.from(content).toString('base64'),
});
