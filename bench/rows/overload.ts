import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { type Finding, judge, judgeLimit, show } from '../harness/finding.ts';
import { cpuSeconds, residentBytes } from '../harness/process-stats.ts';
import { countLost } from '../overload/acked.ts';
import { untilNormal, watchMemory } from '../overload/aftermath.ts';
import { type Bystanders, startBystanders } from '../overload/bystanders.ts';
import { startGenerator } from '../overload/generator.ts';
import type { MixedPlan, MixedResult } from '../overload/mixed-load.ts';
import { NumberedEntries } from '../overload/numbered-entries.ts';
import { ENTRY_TYPE, fill, type SteleServer, startStele } from '../peers/stele.ts';

const TIMES = 5;
const SECONDS = { full: 30, quick: 6, smoke: 0.5 } as const;
const CAPACITY_SECONDS = { full: 10, quick: 2, smoke: 0.5 } as const;
const FIRST_ENTRIES = { full: 20_000, quick: 20_000, smoke: 512 } as const;
/** What is sent in this part of a load is not counted. */
const RAMP = 0.25;
/** Capacity is the best of these, each connection sending when it has its answer. */
const CLOSED_CONNECTIONS = [64, 256, 1_024] as const;
/** What an open model has: they are there before it begins. */
const OPEN_CONNECTIONS = 2_000;
const REST_MS = 1_000;
const MIB = 1024 * 1024;
/** Numbers of entries of one load; the next one begins beyond them. */
const LOAD_NUMBERS = 10_000_000;

type Part = Pick<MixedPlan, 'seconds' | 'perSec' | 'connectionsMax' | 'waitsAsTold'>;

type LoadResult = MixedResult & { readonly serverCores: number };

/** Runs one load after the other, each on new entries. */
interface Loads extends Disposable {
  readonly entries: NumberedEntries;
  run(part: Part): Promise<LoadResult>;
}

async function startLoads(server: SteleServer): Promise<Loads> {
  const seed = server.place.token;
  const generator = await startGenerator(seed);
  const headers = server.headers(ENTRY_TYPE);
  let firstEntry = 0;
  const run: Loads['run'] = async (part) => {
    const before = { cpu: cpuSeconds(server.pid), atMs: performance.now() };
    const rampSeconds = part.seconds * RAMP;
    const result = await generator.run({
      ...{ url: server.root, path: '/logs/main/entries', headers, firstEntry, rampSeconds },
      ...part,
    });
    firstEntry += LOAD_NUMBERS;
    const seconds = (performance.now() - before.atMs) / 1_000;
    return { ...result, serverCores: (cpuSeconds(server.pid) - before.cpu) / seconds };
  };
  return {
    entries: new NumberedEntries(seed),
    run,
    [Symbol.dispose]: () => generator[Symbol.dispose](),
  };
}

function describeLoad(name: string, result: LoadResult): string {
  const { acceptedPerSec, sentPerSec, outcomes, unsent, loadCores, serverCores } = result;
  const rates = `${sentPerSec.toFixed(0)}/s sent, ${acceptedPerSec.toFixed(0)}/s taken`;
  const counts = Object.entries(outcomes).map(([what, count]) => `${count} x ${what}`);
  const cores = `server ${serverCores.toFixed(2)} + load ${loadCores.toFixed(2)} cores`;
  return `${name}: ${rates}; ${counts.join(', ')}; ${unsent} never sent; ${cores}`;
}

/** The highest rate of closed loops, and what each of them had acknowledged. */
async function measureCapacity(
  bench: Bench,
  loads: Loads,
): Promise<{ readonly perSec: number; readonly acked: MixedResult['acked'] }> {
  const results: MixedResult[] = [];
  for (const connectionsMax of CLOSED_CONNECTIONS) {
    const result = await loads.run({ seconds: CAPACITY_SECONDS[bench.mode], connectionsMax });
    bench.say(`  ${describeLoad(`${connectionsMax} connections`, result)}`);
    results.push(result);
  }
  const perSec = Math.max(...results.map(({ acceptedPerSec }) => acceptedPerSec));
  return { perSec, acked: results.flatMap(({ acked }) => acked) };
}

function findingsOf(capacity: number, { accepted, refused, acceptedPerSec }: MixedResult): Finding[] {
  const goodput = { what: 'goodput', against: 'capacity', unit: 'req/s', goal: { atLeast: 0.9 } } as const;
  const ms = (what: string): { readonly what: string; readonly unit: 'ms' } => ({ what, unit: 'ms' });
  return [
    judge(goodput, [{ ours: acceptedPerSec, theirs: capacity }]),
    judgeLimit(ms('taken, p99'), accepted.total.p99Ms, { atMost: 2_000 }),
    judgeLimit(ms('503 with Retry-After, p99'), refused.total.p99Ms, { atMost: 50 }),
    show(ms('taken, p99 from sent to the first byte'), accepted.server.p99Ms),
    show(ms('503, p99 from sent to the first byte'), refused.server.p99Ms),
    show(ms('taken, p99 of the wait for a connection'), accepted.own.p99Ms),
  ];
}

/** Who was refused waits as told: no queue in the generator is between the server and what is judged. */
function findingsAsTold(capacity: number, { accepted, refused, acceptedPerSec }: MixedResult): Finding[] {
  const goodput = { what: 'goodput, refused clients wait as told', against: 'capacity' } as const;
  const ms = (what: string): { readonly what: string; readonly unit: 'ms' } => ({ what, unit: 'ms' });
  return [
    judge({ ...goodput, unit: 'req/s', goal: { atLeast: 0.9 } }, [
      { ours: acceptedPerSec, theirs: capacity },
    ]),
    judgeLimit(ms('the same: taken, p99 from sent to the first byte'), accepted.server.p99Ms, {
      atMost: 2_000,
    }),
    judgeLimit(ms('the same: 503, p99 from sent to the first byte'), refused.server.p99Ms, { atMost: 50 }),
  ];
}

/** Beside slow clients and a reader of everything. */
async function runBesideOthers(
  bench: Bench,
  server: SteleServer,
  loads: Loads,
  part: Part,
): Promise<LoadResult & { readonly others: ReturnType<Bystanders['counts']> }> {
  using bystanders = startBystanders(server, FIRST_ENTRIES[bench.mode]);
  const result = await loads.run(part);
  return { ...result, others: bystanders.counts() };
}

async function overload(bench: Bench, server: SteleServer, loads: Loads): Promise<Outcome> {
  const capacity = await measureCapacity(bench, loads);
  await sleep(REST_MS);
  const base = residentBytes(server.pid);
  using memory = watchMemory(server.pid);
  const perSec = TIMES * capacity.perSec;
  const plan = { seconds: SECONDS[bench.mode], perSec, connectionsMax: OPEN_CONNECTIONS };
  const result = await runBesideOthers(bench, server, loads, plan);
  const recoveryMs = Math.max(0, result.drainMs) + (await untilNormal(server));
  const asTold = await runBesideOthers(bench, server, loads, { ...plan, waitsAsTold: true });
  const acked = [capacity, result, asTold].flatMap((load) => load.acked);
  const lost = await countLost(server, loads.entries, acked);
  if (lost > 0) throw new Error(`${lost} of ${acked.length} acknowledged entries are not there`);
  const { all } = memory.most();
  const { entriesRead, bodiesSent } = result.others;
  return {
    findings: [
      ...findingsOf(capacity.perSec, result),
      judgeLimit({ what: 'memory beyond that before', unit: 'MiB' }, (all - base.all) / MIB, { atMost: 256 }),
      judgeLimit({ what: 'back to normal', unit: 's' }, recoveryMs / 1_000, { atMost: 5 }),
      ...findingsAsTold(capacity.perSec, asTold),
    ],
    notes: [
      describeLoad(`${TIMES} x capacity`, result),
      describeLoad(`${TIMES} x capacity, refused clients wait as told`, asTold),
      `all ${acked.length} acknowledged entries are there; the reader read ${entriesRead} entries, slow clients got ${bodiesSent} bodies taken`,
    ],
  };
}

/** What becomes of a server to which five times as much is sent as it can take. */
export const overloadRow: Row = {
  name: 'overload',
  title: `appends at ${TIMES} x capacity, 10 % huge, beside slow clients and a reader`,
  run: async (bench): Promise<Outcome> => {
    await using server = await startStele(bench);
    await fill(server, FIRST_ENTRIES[bench.mode]);
    using loads = await startLoads(server);
    return await overload(bench, server, loads);
  },
};
