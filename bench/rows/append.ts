import { join } from 'node:path';
import type { Bench, Row } from '../harness/bench.ts';
import { runNodeForJson } from '../harness/child.ts';
import { EntrySource } from '../harness/entries.ts';
import { type Finding, type Goal, judge } from '../harness/finding.ts';
import type { Load } from '../harness/load.ts';
import { PROGRAMS } from '../harness/paths.ts';
import type { Contender, Sample } from '../harness/sample.ts';
import { startBare } from '../peers/bare.ts';
import { ENTRY_TYPE, fill, post, startStele } from '../peers/stele.ts';
import { BATCH_AGE, startTessera } from '../peers/tessera.ts';
import {
  type Reference,
  rowOf,
  type Samples,
  type SteleAtWork,
  type Syncs,
  underLoad,
  type Work,
} from './work.ts';

/** Syncs of one commit where strace cannot count them: the batch in LevelDB, and the guard. */
const SYNCS_PER_COMMIT = 2;
/** What a log starts with, so that the receipt that bare answers has a proof of the usual length. */
const FIRST_ENTRIES = 20_000;

/** One new entry a request. */
function entries(path: string): Pick<Load, 'method' | 'ask' | 'worth'> {
  const source = new EntrySource();
  return { method: 'POST', ask: () => ({ path, body: source.entry() }), worth: 1 };
}

async function steleAppending(bench: Bench, connections: number): Promise<SteleAtWork> {
  const server = await startStele(bench);
  await fill(server, FIRST_ENTRIES);
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
    countsSyncs: true,
    ...rest,
  });
}

/** The goals of one connection: what the disk and HTTP take at least, three times; and a short tail. */
function floorFindings(samples: Samples, syncs: Syncs): Finding[] {
  const ours = samples['stele'] ?? [];
  const perCommit = Math.round(syncs['stele'] ?? SYNCS_PER_COMMIT);
  const syncP50 = samples['sync floor']?.map((sample) => sample.p50Ms) ?? [];
  const bareP50 = samples['bare']?.map((sample) => sample.p50Ms) ?? [];
  const floor = (i: number): number => (syncP50[i] ?? Number.NaN) * perCommit + (bareP50[i] ?? Number.NaN);
  const against = `${perCommit} x sync floor + bare`;
  return [
    judge(
      { what: 'p50', against, unit: 'ms', goal: { atMost: 3 } },
      ours.map((sample, i) => ({ ours: sample.p50Ms, theirs: floor(i) })),
    ),
    judge(
      { what: 'p99', against: 'its own p50', unit: 'ms', goal: { atMost: 3 } },
      ours.map((sample) => ({ ours: sample.p99Ms, theirs: sample.p50Ms })),
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
