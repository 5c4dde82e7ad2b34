import type { EventLog } from '../../src/sequencer/log.ts';
import type { OpenLog } from '../../src/sequencer/open-log.ts';
import { edited } from './edits.ts';
import { faultyJson } from './event-faults.ts';
import { type PostCase, REPEATED, type Sent } from './event-forms.ts';
import { EventModel } from './event-model.ts';
import { type FuzzServer, startFuzzServer, TOKEN } from './fuzz-server.ts';
import { judgePost } from './judge-posts.ts';
import { RawClient, type RawRequest } from './raw-client.ts';

/** A server with a log of events, and what that log must hold. */
export interface FuzzEvents extends FuzzServer {
  readonly log: OpenLog & { readonly events: EventLog };
  readonly known: EventModel;
  /** Of requests that were refused, until they are looked up once more. Owned by the judge. */
  readonly refused: Sent[];
}

/** The same with some events in it. */
export async function startFuzzEvents(): Promise<FuzzEvents> {
  const server = await startFuzzServer('events');
  const { log } = server;
  if (log.events === undefined) throw new TypeError('a log of entries');
  const events = { ...server, log: log as FuzzEvents['log'], known: new EventModel(), refused: [] };
  using client = new RawClient(server.port);
  for (const made of REPEATED) await sendPost(events, client, made);
  return events;
}

/** Sends a request that posts events, and judges what is answered. */
export async function sendPost(server: FuzzEvents, client: RawClient, made: PostCase): Promise<void> {
  const request = requestOf(made);
  await judgePost(server, made, request, await client.send(request));
}

function requestOf({ form, events, fault, key, isCbor, list }: PostCase): RawRequest {
  const texts = events.map((event, i) =>
    i === fault?.at ? faultyJson(event, fault.is) : JSON.stringify(event),
  );
  const text = { one: texts.join(), list: `[${texts}]`, lines: texts.map((line) => `${line}\n`).join('') }[
    form
  ];
  // Edits fall on bytes, so that they break UTF-8 too.
  const body = Buffer.from(edited(Buffer.from(text).toString('latin1'), list), 'latin1');
  const headers: [string, string][] = [
    ['Host', 'log.example'],
    ['Content-Length', `${body.length}`],
    ['Content-Type', form === 'lines' ? 'application/x-ndjson' : 'application/json'],
    ['Authorization', `Bearer ${TOKEN}`],
    ...(key === undefined ? [] : ([['Idempotency-Key', key]] as [string, string][])),
    ...(isCbor ? ([['Accept', 'application/cbor']] as [string, string][]) : []),
  ];
  return { method: 'POST', target: '/logs/main/events', headers, body };
}
