import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBundlePath } from '../../src/core/tile/path.ts';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { seededRandom } from '../harness/entries.ts';
import { EventSource } from '../harness/events.ts';
import { judgeLimit } from '../harness/finding.ts';
import { PROGRAMS } from '../harness/paths.ts';
import {
  BUNDLE_TYPE,
  ENTRY_TYPE,
  fill,
  initStele,
  LINES_TYPE,
  type SteleServer,
  serveStele,
} from '../peers/stele.ts';

const STALL_MS = 50;
const ENTRIES = { full: 1_000_000, quick: 100_000, smoke: 1_024 } as const;
const ROUNDS = { full: 20, quick: 2, smoke: 1 } as const;
const HUGE_BYTES = 65_535;
/** Four bundles of 16 MiB each. */
const HUGE_ENTRIES = 1_024;
const HUGE_PER_BATCH = 128;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ENTRIES = 4_096;
const RAW_BYTES = 5 * 1024 * 1024;
const JSON_TYPE = 'application/json';
const PAGE = 1_000;
/** For what a request leaves behind. */
const AFTER_MS = 30;

/** One request that is as large as may be. */
interface Worst {
  readonly what: string;
  readonly path: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  body?(): Buffer<ArrayBuffer>;
}

/** What the log is filled with: small entries up to `small`, then large ones. */
interface Filled {
  readonly small: number;
  readonly all: number;
}

function indexesBody(count: number, below: number, size: number): Buffer<ArrayBuffer> {
  const random = seededRandom(count);
  const indexes = new Set<number>();
  while (indexes.size < count) indexes.add(Math.floor(random() * below));
  const sorted = [...indexes].sort((a, b) => a - b);
  return Buffer.from(JSON.stringify({ indexes: sorted, treeSize: size }));
}

let made = 0;
/** Bytes that were not sent before, in lines of one length. */
function freshLines(count: number, bytes: number): Buffer<ArrayBuffer> {
  made += 1;
  const first = `${made}/${Date.now()}/`;
  return Buffer.from(
    Array.from({ length: count }, (_, i) => `${first}${i}`.padEnd(bytes, '.').slice(0, bytes)).join('\n'),
  );
}

function freshBundle(count: number): Buffer<ArrayBuffer> {
  made += 1;
  const entries = Array.from({ length: count }, (_, i) => Buffer.from(`${made}/${Date.now()}/${i}`));
  return Buffer.concat(entries.flatMap((entry) => [Buffer.of(0, entry.length), entry]));
}

const events = new EventSource();

let before: Buffer<ArrayBuffer> | undefined;
/** The same ones each time. */
function sentBefore(): Buffer<ArrayBuffer> {
  before ??= events.lines(BATCH_ENTRIES);
  return before;
}

/** Events without an id, so that each is a new one. */
function largeEvents(count: number, more: object): Buffer<ArrayBuffer> {
  const facts = {
    time: '2026-11-27T17:06:36Z',
    action: 'a.b',
    outcome: 'success',
    actor: { type: 'user', id: 'u' },
  };
  return Buffer.from(new Array(count).fill(JSON.stringify({ ...facts, ...more })).join('\n'));
}

const EVENTS_PATH = '../audit/events';
const worstEvents: readonly Worst[] = [
  {
    what: '4,096 events in lines',
    path: EVENTS_PATH,
    type: LINES_TYPE,
    body: () => events.lines(BATCH_ENTRIES),
  },
  { what: '4,096 events that are there', path: EVENTS_PATH, type: LINES_TYPE, body: () => sentBefore() },
  {
    what: '4,096 events in a list',
    path: EVENTS_PATH,
    type: JSON_TYPE,
    body: () => Buffer.from(`[${events.lines(BATCH_ENTRIES).toString().trimEnd().replaceAll('\n', ',')}]`),
  },
  {
    what: '128 events of 48 KiB',
    path: EVENTS_PATH,
    type: LINES_TYPE,
    body: () => largeEvents(HUGE_PER_BATCH, { data: { text: '"'.repeat(24_000) } }),
  },
  {
    what: 'an event with 5 MiB of verbatim bytes',
    path: EVENTS_PATH,
    type: JSON_TYPE,
    body: () => {
      const raw = {
        format: 'x',
        media_type: 'text/plain',
        content: randomBytes(RAW_BYTES).toString('base64'),
      };
      return largeEvents(1, { raw });
    },
  },
];

function worstRequests({ small, all }: Filled): Worst[] {
  const leaves = Math.min(BATCH_ENTRIES, all - 1);
  const hugeBundle = Math.floor(small / 256) + 1;
  const start = all - PAGE;
  return [
    {
      what: `multi-proof of ${leaves}`,
      path: 'proofs/multi',
      type: 'application/json',
      body: () => indexesBody(leaves, all - 1, all),
    },
    {
      what: `multi-proof of ${leaves}, smaller size`,
      path: 'proofs/multi',
      type: 'application/json',
      body: () => indexesBody(leaves, all - 1, all - 1),
    },
    { what: 'page of 1,000 large entries', path: `entries?start=${start}&end=${all}` },
    { what: 'bundle of 16 MiB', path: formatBundlePath({ index: hugeBundle, width: 256 }) },
    { what: 'part of a bundle of 16 MiB', path: formatBundlePath({ index: hugeBundle, width: 255 }) },
    {
      what: 'bundle of 16 MiB, gzip',
      path: formatBundlePath({ index: hugeBundle + 1, width: 256 }),
      headers: { 'Accept-Encoding': 'gzip' },
    },
    {
      what: '4,096 lines, 8 MiB',
      path: 'entries',
      type: LINES_TYPE,
      body: () => freshLines(BATCH_ENTRIES, BATCH_BYTES / BATCH_ENTRIES - 1),
    },
    {
      what: '128 lines, 8 MiB',
      path: 'entries',
      type: LINES_TYPE,
      body: () => freshLines(HUGE_PER_BATCH, HUGE_BYTES),
    },
    {
      what: '4,096 small entries',
      path: 'entries',
      type: BUNDLE_TYPE,
      body: () => freshBundle(BATCH_ENTRIES),
    },
    ...worstEvents,
    { what: 'one entry of 64 KiB', path: 'entries', type: ENTRY_TYPE, body: () => freshLines(1, HUGE_BYTES) },
    { what: 'checkpoints', path: 'checkpoints?from=0' },
    { what: 'consistency proof', path: `proofs/consistency?from=${Math.floor(all / 3)}` },
    { what: 'one large entry', path: `entries/${all - 1}` },
    { what: 'retry keys for a backup', path: `backup/retries?from=0&to=${all}` },
    {
      what: '128 KiB of brackets',
      path: 'proofs/multi',
      type: 'application/json',
      body: () => Buffer.alloc(128 * 1024, '['),
    },
    { what: 'metrics', path: '../../metrics' },
  ];
}

async function longestStall(socket: string): Promise<number> {
  const connection = connect(socket);
  let said = '';
  connection.setEncoding('latin1').on('data', (text) => {
    said += text;
  });
  await once(connection, 'close');
  return Number(said);
}

async function ask(server: SteleServer, { path, type, headers, body }: Worst): Promise<void> {
  const sent = body?.();
  const answer = await fetch(new URL(path, `${server.url}/`), {
    method: sent === undefined ? 'GET' : 'POST',
    headers: { ...server.headers(type ?? ENTRY_TYPE), ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
  await answer.arrayBuffer();
  if (answer.status >= 500) throw new Error(`${path}: ${answer.status}`);
}

async function measure(server: SteleServer, socket: string, worst: Worst, rounds: number): Promise<number> {
  await ask(server, worst);
  const stalls: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await sleep(AFTER_MS);
    await longestStall(socket);
    await ask(server, worst);
    await sleep(AFTER_MS);
    stalls.push(await longestStall(socket));
  }
  return Math.max(...stalls);
}

async function fillHuge(server: SteleServer): Promise<void> {
  for (let done = 0; done < HUGE_ENTRIES; done += HUGE_PER_BATCH)
    await ask(server, {
      what: '',
      path: 'entries',
      type: LINES_TYPE,
      body: () => freshLines(HUGE_PER_BATCH, HUGE_BYTES),
    });
}

/** How long the largest requests that there are keep all others waiting, one by one. */
export const stallRow: Row = {
  name: 'stall',
  title: 'longest stall of the event loop that one request causes',
  run: async (bench: Bench): Promise<Outcome> => {
    const place = await initStele(bench);
    const socket = join(place.data, '..', 'stall.sock');
    const nodeFlags = ['--max-semi-space-size=16', '--import', join(PROGRAMS, 'stall-probe.js')];
    await using server = await serveStele(bench, place, { nodeFlags, env: { STALL_SOCKET: socket } });
    const small = ENTRIES[bench.mode];
    await fill(server, small);
    await fillHuge(server);
    const findings = [];
    for (const worst of worstRequests({ small, all: small + HUGE_ENTRIES })) {
      const ms = await measure(server, socket, worst, ROUNDS[bench.mode]);
      bench.say(`  ${worst.what}: ${ms.toFixed(1)} ms`);
      findings.push(judgeLimit({ what: worst.what, unit: 'ms' }, ms, { atMost: STALL_MS }));
    }
    return { findings };
  },
};
