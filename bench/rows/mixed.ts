import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, type Outcome, type Row, saySample } from '../harness/bench.ts';
import { EntrySource, seededRandom } from '../harness/entries.ts';
import { type Load, load } from '../harness/load.ts';
import type { Sample } from '../harness/sample.ts';
import { ENTRY_TYPE, type SteleServer, serveStele } from '../peers/stele.ts';
import { filledEntries, filledLog } from './filled-log.ts';
import { versus } from './work.ts';

const APPENDS = 64;
const READS = 32;

/** New entries, one a request. */
export function appending(server: SteleServer, connections: number): Load {
  const source = new EntrySource();
  const { url, pid } = server;
  const ask = (): ReturnType<Load['ask']> => ({ path: '/logs/main/entries', body: source.entry() });
  return { url, pid, method: 'POST', headers: server.headers(ENTRY_TYPE), connections, ask, worth: 1 };
}

/** Inclusion proofs for random indexes below a size. */
export function proving(server: SteleServer, connections: number, size: number): Load {
  const random = seededRandom(1);
  const { url, pid } = server;
  const ask = (): ReturnType<Load['ask']> => ({
    path: `/logs/main/proofs/inclusion?index=${Math.floor(random() * size)}`,
  });
  return { url, pid, method: 'GET', connections, ask, worth: 1 };
}

/** Appends and reads of one log, each alone and then together. One generator makes both loads. */
export const mixedRow: Row = {
  name: 'mixed',
  title: `append at ${APPENDS} connections while ${READS} read proofs`,
  run: async (bench): Promise<Outcome> => {
    await using server = await serveStele(bench, await filledLog(bench));
    const appends = appending(server, APPENDS);
    const reads = proving(server, READS, filledEntries(bench));
    await Promise.all([load(appends, bench.pace.warmUpSeconds), load(reads, bench.pace.warmUpSeconds)]);
    const samples = await measure(bench, appends, reads);
    const together = {
      unit: 'req/s',
      what: 'reads',
      ours: 'reads beside appends',
      theirs: 'reads alone',
    } as const;
    const tail = {
      unit: 'ms',
      what: 'append p99',
      ours: 'appends beside reads',
      theirs: 'appends alone',
    } as const;
    return {
      findings: [
        ...versus(samples, { ...together, metric: 'perSec', goal: { atLeast: 0.5 } }),
        ...versus(samples, { ...tail, metric: 'p99Ms', goal: { atMost: 4 } }),
      ],
      samples,
    };
  },
};

async function measure(bench: Bench, appends: Load, reads: Load): Promise<Record<string, Sample[]>> {
  const samples: Record<string, Sample[]> = {};
  const note = (name: string, sample: Sample): void => {
    samples[name] = [...(samples[name] ?? []), sample];
    saySample(bench, name, sample);
  };
  const { rounds, seconds, restMs } = bench.pace;
  for (let round = 0; round < rounds; round += 1) {
    await sleep(restMs);
    note('reads alone', await load(reads, seconds));
    await sleep(restMs);
    note('appends alone', await load(appends, seconds));
    await sleep(restMs);
    const [read, appended] = await Promise.all([load(reads, seconds), load(appends, seconds)]);
    note('reads beside appends', read);
    note('appends beside reads', appended);
  }
  return samples;
}
