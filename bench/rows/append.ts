import { join } from 'node:path';
import type { Bench, Row } from '../harness/bench.ts';
import { runNodeForJson } from '../harness/child.ts';
import { EntrySource } from '../harness/entries.ts';
import { type Finding, type Goal, judge } from '../harness/finding.ts';
import type { Load } from '../harness/load.ts';
import { load } from '../harness/load.ts';
import { PROGRAMS } from '../harness/paths.ts';
import type { Contender, Sample } from '../harness/sample.ts';
import { median } from '../harness/statistics.ts';
import { countSyncs } from '../harness/strace.ts';
import { startBare } from '../peers/bare.ts';
import { ENTRY_TYPE, post, startStele } from '../peers/stele.ts';
import { BATCH_AGE, startTessera } from '../peers/tessera.ts';
import { type Reference, rowOf, type SteleAtWork, underLoad, type Work } from './work.ts';

/** Syncs of one commit: the batch in LevelDB, and the guard. */
const SYNCS_PER_COMMIT = 2;
const SYNC_COUNT_SECONDS = 1;

/** One new entry a request. */
function entries(path: string): Pick<Load, 'method' | 'ask' | 'worth'> {
  const source = new EntrySource();
  return { method: 'POST', ask: () => ({ path, body: source.entry() }), worth: 1 };
}

async function steleAppending(bench: Bench, connections: number): Promise<SteleAtWork> {
  const server = await startStele(bench);
  const answer = await post(server, ENTRY_TYPE, new EntrySource().entry());
  const headers = server.headers(ENTRY_TYPE);
  const { url, pid } = server;
  return { server, answer, load: { url, pid, headers, connections, ...entries('/logs/main/entries') } };
}

/** A handler that reads the same bodies and answers the bytes of one receipt. */
function bare(goals: Reference['goals']): Reference {
  return {
    name: 'bare',
    goals,
    open: async (bench, stele) => {
      const child = await startBare(bench, stele.answer);
      return underLoad('bare', child, {
        ...stele.load,
        ...entries('/logs/main/entries'),
        url: child.url,
        pid: child.pid,
      });
    },
  };
}

function tessera(age: keyof typeof BATCH_AGE, goals: Reference['goals']): Reference {
  const name = `Tessera ${BATCH_AGE[age]}`;
  return {
    name,
    goals,
    open: async (bench, stele) => {
      const child = await startTessera(bench, age);
      if (child === undefined) return undefined;
      const { url, pid } = child;
      return underLoad(name, child, {
        ...stele.load,
        ...entries('/add'),
        url,
        pid,
        headers: { 'Content-Type': ENTRY_TYPE },
      });
    },
  };
}

/** One write and fdatasync of one entry, in a loop. */
const syncFloor: Reference = {
  name: 'sync floor',
  goals: [],
  open: async (bench): Promise<Contender> => {
    const file = join(await bench.folder(), 'floor');
    const measure = async (seconds: number): Promise<Sample> => {
      const nothing = { answerBytes: 0, serverCores: 0, loadCores: 0 };
      const args = [file, '1', `${seconds}`];
      return { ...nothing, ...(await runNodeForJson<Sample>(join(PROGRAMS, 'sync-floor.js'), args)) };
    };
    return { name: 'sync floor', measure, [Symbol.asyncDispose]: async () => {} };
  },
};

const perSec = (goal?: Goal) => ({ metric: 'perSec' as const, ...(goal && { goal }) });

function appendRow(connections: number, rest: Pick<Work, 'references' | 'more'>): Row {
  const plural = connections === 1 ? 'connection' : 'connections';
  return rowOf({
    name: `append-${connections}`,
    title: `single durable append with full receipt, ${connections} ${plural}`,
    unit: 'req/s',
    open: (bench) => steleAppending(bench, connections),
    notes: syncNotes,
    ...rest,
  });
}

async function syncNotes(bench: Bench, { server, load: plan }: SteleAtWork): Promise<string[]> {
  let count = 0;
  const syncs = await countSyncs(bench, server.pid, async () => {
    count = (await load(plan, SYNC_COUNT_SECONDS)).count;
  });
  if (syncs === undefined) return ['syncs: not counted, strace does not run here'];
  return [`syncs: Stele ${(syncs / count).toFixed(3)} an entry (strace, in a run of its own)`];
}

/** The goals of one connection: what the disk and HTTP take at least, three times; and a short tail. */
async function floorFindings(samples: Readonly<Record<string, readonly Sample[]>>): Promise<Finding[]> {
  const ours = samples['stele'] ?? [];
  const floors = samples['sync floor'] ?? [];
  const bares = samples['bare'] ?? [];
  const floor = (i: number): number =>
    (floors[i]?.p50Ms ?? Number.NaN) * SYNCS_PER_COMMIT + (bares[i]?.p50Ms ?? Number.NaN);
  const ownP50 = median(ours.map((sample) => sample.p50Ms));
  return [
    judge(
      {
        what: 'p50',
        against: `floor: sync x ${SYNCS_PER_COMMIT} + bare p50`,
        unit: 'ms',
        goal: { atMost: 3 },
      },
      ours.map((sample, i) => ({ ours: sample.p50Ms, theirs: floor(i) })),
    ),
    judge(
      { what: 'p99', against: 'its own p50', unit: 'ms', goal: { atMost: 3 } },
      ours.map((sample) => ({ ours: sample.p99Ms, theirs: ownP50 })),
    ),
  ];
}

/** Single appends at 64, 512 and 1 connection. */
export const appendRows: readonly Row[] = [
  appendRow(64, {
    references: [
      bare([perSec({ atLeast: 0.5, aim: 0.6 })]),
      tessera('tuned', [perSec({ atLeast: 2 })]),
      tessera('default', [perSec({ atLeast: 40 })]),
    ],
  }),
  appendRow(512, {
    references: [bare([perSec({ atLeast: 0.5, aim: 0.6 })]), tessera('default', [perSec({ atLeast: 0.8 })])],
  }),
  appendRow(1, {
    references: [bare([perSec()]), syncFloor, tessera('tuned', [{ metric: 'p50Ms', goal: { atMost: 0.2 } }])],
    more: floorFindings,
  }),
];
