import { type Bench, type Outcome, type Row, saySample } from '../harness/bench.ts';
import { EntrySource, seededRandom } from '../harness/entries.ts';
import type { Load } from '../harness/load.ts';
import { openLoad } from '../harness/open-load.ts';
import { measureInTurns } from '../harness/rounds.ts';
import type { Contender } from '../harness/sample.ts';
import { startBare } from '../peers/bare.ts';
import { ENTRY_TYPE, fill, post, startStele } from '../peers/stele.ts';
import { BATCH_AGE, startTessera } from '../peers/tessera.ts';
import { versus } from './work.ts';

/** Well below what any of the contenders can take, the peer at its default aside. */
const PER_SEC = 1_000;
const FIRST_ENTRIES = 20_000;

type Target = Pick<Load, 'url' | 'pid' | 'headers'> & AsyncDisposable;

function atRate(name: string, server: Target, path: string): Contender {
  const source = new EntrySource();
  const random = seededRandom(1);
  const ask = (): ReturnType<Load['ask']> => ({ path, body: source.entry() });
  const plan: Load = { ...server, method: 'POST', connections: 0, ask, worth: 1 };
  return {
    name,
    measure: (seconds) => openLoad(plan, { perSec: PER_SEC, seconds, random }),
    [Symbol.asyncDispose]: () => Promise.resolve(server[Symbol.asyncDispose]()),
  };
}

async function contendersOf(bench: Bench, opened: Contender[]): Promise<void> {
  const stele = await startStele(bench);
  const headers = stele.headers(ENTRY_TYPE);
  opened.push(atRate('stele', { ...stele, headers }, '/logs/main/entries'));
  await fill(stele, FIRST_ENTRIES);
  const answer = await post(stele, ENTRY_TYPE, new EntrySource().entry());
  const bare = await startBare(bench, answer);
  opened.push(atRate('bare', { ...bare, headers }, '/logs/main/entries'));
  for (const age of ['tuned', 'default'] as const) {
    const tessera = await startTessera(bench, age);
    const plain = { 'Content-Type': ENTRY_TYPE };
    if (tessera !== undefined)
      opened.push(atRate(`Tessera ${BATCH_AGE[age]}`, { ...tessera, headers: plain }, '/add'));
  }
}

/** Times of single appends at a set rate, from when each was due. */
export const latencyRow: Row = {
  name: 'latency',
  title: `single append at a set rate of ${PER_SEC.toLocaleString('en-US')}/s, from when each was due`,
  run: async (bench): Promise<Outcome> => {
    const contenders: Contender[] = [];
    try {
      await contendersOf(bench, contenders);
      const samples = await measureInTurns(contenders, bench.pace, (name, sample) =>
        saySample(bench, name, sample),
      );
      const findings = contenders
        .slice(1)
        .flatMap(({ name }) =>
          (['p50Ms', 'p99Ms'] as const).flatMap((metric) =>
            versus(samples, { theirs: name, metric, unit: 'ms' }),
          ),
        );
      return { findings, samples };
    } finally {
      for (const contender of contenders) await contender[Symbol.asyncDispose]();
    }
  },
};
