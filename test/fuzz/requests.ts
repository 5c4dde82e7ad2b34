import fc from 'fast-check';
import { encodeEntries } from '../../src/core/tile/bundle.ts';
import { formatBundlePath, formatTilePath } from '../../src/core/tile/path.ts';
import { type Edit, edited, edits } from './edits.ts';
import * as forms from './forms.ts';
import { READ_TOKEN, TOKEN } from './fuzz-server.ts';
import { size53 } from './parser.ts';
import type { RawRequest } from './raw-client.ts';

/** A route and the requests that it was made for. */
export interface RouteRow {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: fc.Arbitrary<string>;
  readonly query?: fc.Arbitrary<string>;
  readonly body?: fc.Arbitrary<Uint8Array>;
  readonly type?: string;
}

const only = fc.constant;
const log = (rest: string): fc.Arbitrary<string> => only(`/logs/main/${rest}`);
// Most within the log, so that most requests get past the first check.
const size = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 720 }) }, size53);
const optional = (name: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.option(value, { nil: undefined }).map((given) => (given === undefined ? '' : `&${name}=${given}`));
const leafHash = fc.oneof(
  forms.leafHashOf(size.map((n) => `entry ${n}`)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => Buffer.from(hash).toString('hex')),
);
const which = fc.oneof(
  size.map((index) => `index=${index}`),
  leafHash.map((hash) => `leafHash=${hash}`),
);
const ascending = fc
  .uniqueArray(size, { minLength: 1, maxLength: 12 })
  .map((list) => [...list].sort((a, b) => a - b));
const multiBody = fc
  .record({ indexes: ascending, treeSize: fc.option(size, { nil: undefined }) })
  .map((body) => Buffer.from(JSON.stringify(body)));
const width = fc.oneof(only(256), fc.integer({ min: 1, max: 256 }));
const tilePath = fc.oneof(
  forms.tilePath,
  fc
    .record({ level: fc.integer({ min: 0, max: 2 }), index: fc.integer({ min: 0, max: 3 }), width })
    .map(formatTilePath),
);
const bundlePath = fc.oneof(
  forms.bundlePath,
  fc.record({ index: fc.integer({ min: 0, max: 3 }), width }).map(formatBundlePath),
);
const line = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .map((text) => text.replaceAll('\n', ' '));
const oneEntry = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.constantFrom(65_535, 65_536).map((length) => new Uint8Array(length)),
);

const event = fc
  .oneof(size.map(String), fc.stringMatching(/^[A-Za-z0-9._~:@-]{1,20}$/))
  .map((name) => `/logs/main/events/${name}`);
const slots = fc.subarray(['core', 'actor', 'raw', 'who']).map(String);

/** Every route of the server (spec/http.md). Those of events refuse here: main takes entries. */
export const ROUTES: readonly RouteRow[] = [
  { name: 'GET /healthz', method: 'GET', path: only('/healthz') },
  { name: 'GET /readyz', method: 'GET', path: only('/readyz') },
  { name: 'GET /metrics', method: 'GET', path: only('/metrics') },
  { name: 'GET /logs', method: 'GET', path: only('/logs') },
  { name: 'GET log', method: 'GET', path: log('log') },
  { name: 'GET audit', method: 'GET', path: log('audit') },
  { name: 'GET checkpoint', method: 'GET', path: log('checkpoint') },
  { name: 'GET checkpoints', method: 'GET', path: log('checkpoints'), query: optional('from', size) },
  { name: 'GET tile', method: 'GET', path: tilePath.map((tile) => `/logs/main/${tile}`) },
  { name: 'GET tile/entries', method: 'GET', path: bundlePath.map((bundle) => `/logs/main/${bundle}`) },
  { name: 'GET entries/{index}', method: 'GET', path: size.map((index) => `/logs/main/entries/${index}`) },
  {
    name: 'GET entries',
    method: 'GET',
    path: log('entries'),
    query: fc
      .tuple(size, fc.integer({ min: 0, max: 300 }))
      .map(([start, n]) => `start=${start}&end=${start + n}`),
  },
  {
    name: 'GET proofs/inclusion',
    method: 'GET',
    path: log('proofs/inclusion'),
    query: fc.tuple(which, optional('treeSize', size)).map(([leaf, at]) => leaf + at),
  },
  {
    name: 'GET proofs/consistency',
    method: 'GET',
    path: log('proofs/consistency'),
    query: fc.tuple(size, optional('to', size)).map(([from, to]) => `from=${from}${to}`),
  },
  {
    name: 'GET proofs/multi',
    method: 'GET',
    path: log('proofs/multi'),
    query: fc.tuple(ascending, optional('treeSize', size)).map(([list, at]) => `indexes=${list}${at}`),
  },
  { name: 'POST proofs/multi', method: 'POST', path: log('proofs/multi'), body: multiBody },
  { name: 'GET backup', method: 'GET', path: log('backup') },
  {
    name: 'GET backup/retries',
    method: 'GET',
    path: log('backup/retries'),
    query: fc
      .tuple(size, size, optional('after', leafHash))
      .map(([from, to, after]) => `from=${from}&to=${to}${after}`),
  },
  {
    name: 'GET backup/payloads',
    method: 'GET',
    path: log('backup/payloads'),
    query: fc.tuple(size, size).map(([from, to]) => `from=${from}&to=${to}`),
  },
  {
    name: 'GET backup/seeds',
    method: 'GET',
    path: log('backup/seeds'),
    query: fc.tuple(size, size).map(([from, to]) => `from=${from}&to=${to}`),
  },
  {
    name: 'GET backup/events',
    method: 'GET',
    path: log('backup/events'),
    query: fc
      .tuple(
        size,
        size,
        optional(
          'after',
          leafHash.map((hash) => `69${hash}`),
        ),
      )
      .map(([from, to, after]) => `from=${from}&to=${to}${after}`),
  },
  { name: 'GET events/{event}', method: 'GET', path: event, query: optional('withhold', slots) },
  { name: 'GET events/{event}/raw', method: 'GET', path: event.map((path) => `${path}/raw`) },
  {
    name: 'POST events, one',
    method: 'POST',
    path: log('events'),
    body: line.map((text) => Buffer.from(JSON.stringify({ action: text }))),
    type: 'application/json',
  },
  {
    name: 'POST entries, one',
    method: 'POST',
    path: log('entries'),
    body: oneEntry,
    type: 'application/octet-stream',
  },
  {
    name: 'POST entries, lines',
    method: 'POST',
    path: log('entries'),
    body: fc.array(line, { maxLength: 6 }).map((lines) => Buffer.from(lines.join('\n'))),
    type: 'application/x-ndjson',
  },
  {
    name: 'POST entries, bundle',
    method: 'POST',
    path: log('entries'),
    body: forms.entries.map(encodeEntries),
    type: 'application/vnd.stele.entry-bundle',
  },
  { name: 'POST add', method: 'POST', path: log('add'), body: oneEntry },
  { name: 'anything else', method: 'GET', path: fc.webPath().map((path) => `/${path.replace(/^\/+/, '')}`) },
];

const TYPES = [
  'application/json',
  'application/cbor',
  'text/plain',
  '*/*',
  'application/cbor;q=0',
  'a/b, text/plain',
];
const METHODS = [
  'HEAD',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'POST',
  'GET',
  'get',
  'FOO',
  'PROPFIND',
];
const good = (value: string): fc.Arbitrary<string> => only(value);
const HEADERS: readonly [string, fc.Arbitrary<string>][] = [
  ['Accept', fc.constantFrom(...TYPES)],
  ['Accept-Encoding', fc.constantFrom('gzip', 'gzip;q=0', 'br, gzip', 'identity')],
  ['If-None-Match', fc.constantFrom('*', '"x"', 'W/"x", *')],
  ['Idempotency-Key', fc.oneof(fc.constantFrom('k1', 'k2', 'a b', ''), fc.uuid())],
  ['Content-Encoding', fc.constantFrom('identity', 'gzip')],
  ['Expect', fc.constantFrom('100-continue', 'tea')],
  ['Range', good('bytes=0-1')],
  ['Upgrade', good('h2c')],
  ['X-HTTP-Method-Override', good('DELETE')],
  ['X-Forwarded-Host', good('evil.example')],
  ['Cookie', good('a=b')],
  ['Origin', good('https://evil.example')],
  ['__proto__', good('x')],
  [
    'Authorization',
    fc.constantFrom('Basic YTpi', `bearer ${TOKEN}`, `Bearer ${READ_TOKEN}`, `Bearer ${TOKEN}x`),
  ],
];
const more = fc.array(
  fc.oneof(...HEADERS.map(([name, value]) => value.map((text) => [name, text] as const))),
  { maxLength: 3 },
);

/** A request for a route, before and after what is done to it. */
interface Draft {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly type: string | undefined;
  readonly authorization: string | undefined;
  readonly more: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly isChunked: boolean;
}

type Part = 'path' | 'query' | 'body' | 'type' | 'authorization' | 'more';
const change = fc.record({
  part: fc.constantFrom<Part[]>('path', 'query', 'body', 'type', 'authorization', 'more'),
  list: edits,
});

/** Requests for a route: half as they should be, half with a part edited or another method. */
export function requestsFor({ method, path, query, body, type }: RouteRow): fc.Arbitrary<RawRequest> {
  const draft = fc.record({
    method: fc.oneof({ weight: 12, arbitrary: good(method) }, fc.constantFrom(...METHODS)),
    path,
    query: query ?? good(''),
    type: good(type ?? ''),
    authorization: fc.oneof({ weight: 9, arbitrary: good(`Bearer ${TOKEN}`) }, good('')),
    more: fc.oneof({ weight: 2, arbitrary: only([]) }, more),
    body: body ?? fc.oneof({ weight: 9, arbitrary: only(new Uint8Array()) }, fc.uint8Array()),
    isChunked: fc.boolean(),
  });
  const changes = fc.oneof(only([]), fc.array(change, { minLength: 1, maxLength: 2 }));
  return fc
    .tuple(draft, changes)
    .map(([made, list]) =>
      requestOf(list.reduce((now, one) => changed(now, one.part, one.list), made as Draft)),
    );
}

function changed(draft: Draft, part: Part, list: readonly Edit[]): Draft {
  if (part === 'body') {
    const text = edited(Buffer.from(draft.body).toString('latin1'), list);
    return { ...draft, body: Buffer.from(text, 'latin1') };
  }
  if (part !== 'more') return { ...draft, [part]: edited(draft[part] ?? '', list) };
  const [[name, value] = ['X', ''], ...rest] = draft.more;
  return { ...draft, more: [[name, edited(value, list)], ...rest] };
}

/**
 * Line ends would end the part, and with it what this request is; what they do has a corpus of its own. What goes out is a byte a
 * character: the judge has to see what the server sees.
 */
function plain(text: string): string {
  return Buffer.from(text.replace(/[\r\n]/g, ''), 'latin1')
    .toString('latin1')
    .replace(/[\r\n]/g, '');
}

function requestOf(draft: Draft): RawRequest {
  const { method, path, query, type, authorization, body, isChunked } = draft;
  const target = plain(query === '' ? path : `${path}?${query}`).replaceAll(' ', '%20');
  const named: [string, string][] = [
    ['Content-Type', type ?? ''],
    ['Authorization', authorization ?? ''],
  ];
  const framing: readonly (readonly [string, string])[] = isChunked
    ? [['Transfer-Encoding', 'chunked']]
    : [['Content-Length', `${body.length}`]];
  const headers = [...named.filter(([, value]) => value !== ''), ...draft.more].map(
    ([name, value]) => [name, plain(value)] as const,
  );
  return {
    method,
    target: target.startsWith('/') ? target : `/${target}`,
    headers: [['Host', 'log.example'], ...framing, ...headers],
    body: isChunked ? chunked(body) : body,
  };
}

function chunked(body: Uint8Array): Buffer {
  const part =
    body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')];
  return Buffer.concat([...part, Buffer.from('0\r\n\r\n')]);
}
