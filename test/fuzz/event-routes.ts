import fc from 'fast-check';
import { SLOT_NAMES } from '../../src/core/event/slots.ts';
import { IDS, posts, TENANTS } from './event-forms.ts';
import { type FuzzEvents, sendPost } from './event-server.ts';
import { judgeEventRead } from './judge-event-reads.ts';
import { size53 } from './parser.ts';
import { RawClient, type RawRequest } from './raw-client.ts';
import { type RouteRow, requestsFor } from './requests.ts';
import { type Target, target } from './target.ts';

const POST = 'POST events';
const name = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 70 }).map(String) },
  { weight: 3, arbitrary: fc.constantFrom(...IDS) },
  { weight: 1, arbitrary: size53.map(String) },
  { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9._~:@-]{1,20}$/) },
);
const given = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.option(value, { nil: '', freq: 2 }).map((text) => (text === '' ? '' : `${key}=${text}`));
const tenant = fc.constantFrom(...TENANTS).map((text) => encodeURIComponent(text ?? ''));
const slots = fc.oneof(
  { weight: 20, arbitrary: fc.subarray([...SLOT_NAMES]).map((list) => `${list}`) },
  { weight: 1, arbitrary: fc.constant('actor,who') },
);
const withhold = fc
  .option(slots, { nil: undefined, freq: 3 })
  .map((text) => (text === undefined ? '' : `withhold=${text}`));

/** Reads of a log of events. */
const READS: readonly RouteRow[] = [
  {
    name: 'GET events/{id or index}',
    method: 'GET',
    path: name.map((event) => `/logs/main/events/${event}`),
    query: fc
      .tuple(given('tenant', tenant), withhold)
      .map((parts) => parts.filter((part) => part !== '').join('&')),
  },
  {
    name: 'GET events/{id or index}/raw',
    method: 'GET',
    path: name.map((event) => `/logs/main/events/${event}/raw`),
    query: given('tenant', tenant),
  },
];

/** Names of the targets, without a server. */
export const EVENT_ROUTES: readonly string[] = [POST, ...READS.map((row) => row.name)];

/** The routes of a log of events, fuzzed over one connection. */
export function eventTargets(server: FuzzEvents): Target[] {
  const client = new RawClient(server.port);
  const check = async (request: RawRequest): Promise<void> =>
    judgeEventRead(server, request, await client.send(request));
  const reads = READS.map((row) => target(`events log ${row.name}`, requestsFor(row), check));
  return [target(`events log ${POST}`, posts, (made) => sendPost(server, client, made)), ...reads];
}
