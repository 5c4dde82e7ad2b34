import { join } from 'node:path';
import type { Bench, Row } from '../harness/bench.ts';
import { runNodeForJson } from '../harness/child.ts';
import { EntrySource } from '../harness/entries.ts';
import type { Finding } from '../harness/finding.ts';
import type { Load } from '../harness/load.ts';
import { PROGRAMS } from '../harness/paths.ts';
import type { Contender, Sample } from '../harness/sample.ts';
import { LINES_TYPE, post, startStele } from '../peers/stele.ts';
import { BATCH_AGE, startTessera } from '../peers/tessera.ts';
import { type Reference, rowOf, type Samples, type SteleAtWork, underLoad, versus } from './work.ts';

const BATCH_ENTRIES = 1_000;
const CONNECTIONS = 4;
/** All that the connections can have under way, in one synced batch: the most that grouping could reach. */
const RAW_ENTRIES = BATCH_ENTRIES * CONNECTIONS;
const WITHOUT_INDEX = 'stele, index off';
const RAW = 'raw level';

function batches(path: string): Pick<Load, 'method' | 'ask' | 'worth' | 'connections'> {
  const source = new EntrySource();
  const ask = (): ReturnType<Load['ask']> => ({ path, body: source.lines(BATCH_ENTRIES) });
  return { method: 'POST', ask, worth: BATCH_ENTRIES, connections: CONNECTIONS };
}

async function open(bench: Bench, leafHashIndex: boolean): Promise<SteleAtWork> {
  const server = await startStele(bench, { leafHashIndex });
  const answer = await post(server, LINES_TYPE, new EntrySource().lines(1));
  const { url, pid } = server;
  return {
    server,
    answer,
    load: { url, pid, headers: server.headers(LINES_TYPE), ...batches('/logs/main/entries') },
  };
}

const withoutIndex: Reference = {
  name: WITHOUT_INDEX,
  goals: [{ metric: 'perSec' }],
  open: async (bench) => {
    const { server, load } = await open(bench, false);
    return underLoad(WITHOUT_INDEX, server, load);
  },
};

function tessera(age: keyof typeof BATCH_AGE, goals: Reference['goals']): Reference {
  const name = `Tessera ${BATCH_AGE[age]}`;
  return {
    name,
    goals,
    open: async (bench) => {
      const child = await startTessera(bench, age);
      if (child === undefined) return undefined;
      return underLoad(name, child, { url: child.url, pid: child.pid, ...batches('/add-batch') });
    },
  };
}

const rawLevel: Reference = {
  name: RAW,
  goals: [{ metric: 'perSec' }],
  open: async (bench): Promise<Contender> => ({
    name: RAW,
    measure: async (seconds): Promise<Sample> => {
      const nothing = { answerBytes: 0, serverCores: 0, loadCores: 0 };
      const args = [await bench.folder(), `${RAW_ENTRIES}`, `${seconds}`];
      return { ...nothing, ...(await runNodeForJson<Sample>(join(PROGRAMS, 'raw-level.js'), args)) };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
};

/** The goals of the log without the leaf-hash index. */
function withoutIndexFindings(samples: Samples): Finding[] {
  const head = { ours: WITHOUT_INDEX, metric: 'perSec', unit: 'entries/s', what: 'index off' } as const;
  return [
    ...versus(samples, { ...head, theirs: `Tessera ${BATCH_AGE.tuned}`, goal: { atLeast: 1.5 } }),
    ...versus(samples, { ...head, theirs: RAW, goal: { atLeast: 0.6 } }),
  ];
}

/** Batches of lines, with and without the index of leaf hashes. */
export const batchRow: Row = rowOf({
  name: 'append-batch',
  title: `batch append, ${BATCH_ENTRIES.toLocaleString('en-US')} a request, ${CONNECTIONS} connections`,
  unit: 'entries/s',
  open: (bench) => open(bench, true),
  references: [
    tessera('tuned', [{ metric: 'perSec', goal: { atLeast: 1 } }]),
    tessera('default', [{ metric: 'perSec' }]),
    withoutIndex,
    rawLevel,
  ],
  more: withoutIndexFindings,
  countsSyncs: true,
});
