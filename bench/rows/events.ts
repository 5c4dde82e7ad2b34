import { join } from 'node:path';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { runNodeForJson } from '../harness/child.ts';
import { folderBytes } from '../harness/disk.ts';
import { EVENT_BYTES, EventSource } from '../harness/events.ts';
import { type Finding, judge, judgeLimit } from '../harness/finding.ts';
import type { Load } from '../harness/load.ts';
import { PROGRAMS } from '../harness/paths.ts';
import { startBare } from '../peers/bare.ts';
import { eventsOf, initStele, LINES_TYPE, post, serveStele, startStele } from '../peers/stele.ts';
import { type Reference, rowOf, type Samples, type SteleAtWork, underLoad } from './work.ts';

const EVENT_TYPE = 'application/json';
const PATH = '/logs/audit/events';
const BATCH_EVENTS = 1_000;
const BATCH_CONNECTIONS = 4;
const BATCH_SECONDS_MIN = 1.5;
const BATCH_PER_SEC = 12_000;
const BATCH_AIM_PER_SEC = 20_000;
const SINGLE_CONNECTIONS = 64;
/** What a log starts with, so that the receipt that bare answers has a proof of the usual length. */
const FIRST_EVENTS = 20_000;
const DISK_EVENTS = { full: 500_000, quick: 50_000, smoke: 2_000 } as const;
const DISK_LIMIT = 300;

type Asked = Pick<Load, 'method' | 'ask' | 'worth' | 'connections'>;

function batches(): Asked {
  const source = new EventSource();
  const ask = (): ReturnType<Load['ask']> => ({ path: PATH, body: source.lines(BATCH_EVENTS) });
  return { method: 'POST', ask, worth: BATCH_EVENTS, connections: BATCH_CONNECTIONS };
}

function singles(): Asked {
  const source = new EventSource();
  const ask = (): ReturnType<Load['ask']> => ({ path: PATH, body: source.event() });
  return { method: 'POST', ask, worth: 1, connections: SINGLE_CONNECTIONS };
}

/** Stele that is sent events: `first` of them before, then one request whose answer bare gives. */
async function open(
  bench: Bench,
  { first, type, one }: { readonly first: number; readonly type: string; readonly one: () => Asked },
): Promise<SteleAtWork> {
  const server = await startStele(bench);
  const events = eventsOf(server);
  const source = new EventSource();
  for (let done = 0; done < first; done += BATCH_EVENTS)
    await post(events, LINES_TYPE, source.lines(BATCH_EVENTS));
  const asked = one();
  const answer = await post(events, type, Buffer.from(asked.ask().body ?? []));
  const { url, pid } = server;
  return { server, answer, load: { url, pid, headers: server.headers(type), ...asked } };
}

/** A handler that reads the same bodies and answers the bytes of one answer. */
function bare(one: () => Asked, rest: Pick<Reference, 'goals' | 'fullOnly'>): Reference {
  return {
    name: 'bare',
    ...rest,
    open: async (bench, stele) => {
      const child = await startBare(bench, stele.answer);
      return underLoad('bare', child, { ...stele.load, ...one(), url: child.url, pid: child.pid });
    },
  };
}

/** So many events a second, whatever the machine. */
function rateFindings(samples: Samples): Finding[] {
  const goal = { atLeast: 1, aim: BATCH_AIM_PER_SEC / BATCH_PER_SEC };
  const pairs = (samples['stele'] ?? []).map(({ perSec }) => ({ ours: perSec, theirs: BATCH_PER_SEC }));
  return [judge({ against: 'limit', unit: 'events/s', goal }, pairs)];
}

const batchRow = rowOf({
  name: 'events-batch',
  title: `batches of ${BATCH_EVENTS.toLocaleString('en-US')} audit events, ${BATCH_CONNECTIONS} connections`,
  unit: 'events/s',
  open: (bench) => open(bench, { first: 0, type: LINES_TYPE, one: batches }),
  references: [bare(batches, { goals: [{ metric: 'perSec' }], fullOnly: true })],
  more: rateFindings,
  secondsMin: BATCH_SECONDS_MIN,
  countsSyncs: true,
});

const singleRow = rowOf({
  name: 'events-64',
  title: `single audit events with full receipt, ${SINGLE_CONNECTIONS} connections`,
  unit: 'events/s',
  open: (bench) => open(bench, { first: FIRST_EVENTS, type: EVENT_TYPE, one: singles }),
  references: [bare(singles, { goals: [{ metric: 'perSec', goal: { atLeast: 0.4 } }] })],
  countsSyncs: true,
});

/** What a log of events takes on disk beyond their JSON, once LevelDB has compacted it. */
const diskRow: Row = {
  name: 'events-disk',
  title: 'disk beyond the JSON of audit events, after compaction',
  run: async (bench): Promise<Outcome> => {
    const count = DISK_EVENTS[bench.mode];
    const place = await initStele(bench);
    const folder = join(place.data, 'logs', 'audit');
    const source = new EventSource();
    {
      await using server = await serveStele(bench, place);
      for (let done = 0; done < count; done += BATCH_EVENTS)
        await post(eventsOf(server), LINES_TYPE, source.lines(BATCH_EVENTS));
    }
    await runNodeForJson(join(PROGRAMS, 'compact.js'), [join(folder, 'db')]);
    const beyond = (await folderBytes(folder)) / count - EVENT_BYTES;
    const notes = [`${count.toLocaleString('en-US')} events of ${EVENT_BYTES} B in batches of 1,000`];
    return {
      findings: [judgeLimit({ what: 'an event', unit: 'B' }, beyond, { atMost: DISK_LIMIT })],
      notes,
    };
  },
};

/** Audit events of every member, in batches and one by one, and what they take on disk. */
export const eventRows: readonly Row[] = [batchRow, singleRow, diskRow];
