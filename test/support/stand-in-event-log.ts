import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** How a request ends: as the interface says, or as it does not. */
export type Behaviour = 'answers' | 'loses-answers' | 'hangs-up' | 'refuses-bad' | 'is-wrong-kind';

/** A log of events over HTTP that can be told to fail, in ways a real one cannot be made to. */
export interface StandInEventLog {
  readonly url: string;
  /** Ids in the order of their indexes. */
  readonly ids: readonly string[];
  /** Events as they came, each once. */
  readonly events: readonly { readonly id: string }[];
  /** Number of requests so far. */
  requests(): number;
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

export async function standInEventLog(behaviour: Behaviour = 'answers', port = 0): Promise<StandInEventLog> {
  const log = new EventLog(behaviour);
  const server = createServer((request, response) => void log.answer(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): Promise<void> => stopped(server);
  onTestFinished(stop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ids: log.ids,
    events: log.events,
    requests: () => log.requests,
    behave: (next) => {
      log.behaviour = next;
    },
    stop,
  };
}

async function stopped(server: Server): Promise<void> {
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
}

class EventLog {
  readonly ids: string[] = [];
  readonly events: { id: string }[] = [];
  behaviour: Behaviour;
  requests = 0;

  constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { behaviour } = this;
    const body = await bodyOf(request);
    if (behaviour === 'hangs-up') return void response.destroy();
    if (behaviour === 'is-wrong-kind') return problem(response, 409, 'wrong_log_kind');
    if (behaviour === 'refuses-bad' && body.includes('bad')) return problem(response, 400, 'invalid_event');
    const answer = this.#append(body);
    if (behaviour === 'loses-answers') return void response.destroy();
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  }

  #append(body: string): object {
    const events: { id: string }[] = body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const before = this.ids.length;
    for (const event of events) {
      if (this.ids.includes(event.id)) continue;
      this.ids.push(event.id);
      this.events.push(event);
    }
    const indexes = events.map(({ id }) => this.ids.indexOf(id));
    return { indexes, new: indexes.map((index) => index >= before), checkpoint: 'a note' };
  }
}

function problem(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ code }));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
