import { type Bench, type Outcome, type Row, saySample } from '../harness/bench.ts';
import { untilQuiet } from '../harness/disk.ts';
import { ENTRY_BYTES } from '../harness/entries.ts';
import { type Finding, judge, judgeLimit, show } from '../harness/finding.ts';
import { residentBytes, writtenBytes } from '../harness/process-stats.ts';
import { measureInTurns, type Pace } from '../harness/rounds.ts';
import type { Contender, Sample } from '../harness/sample.ts';
import { fill, initStele, type Place, type SteleServer, serveStele, waitReady } from '../peers/stele.ts';
import { appending, proving } from './mixed.ts';
import { type Samples, underLoad, versus } from './work.ts';

const SIZES = {
  full: [10_000, 1_000_000, 10_000_000],
  quick: [10_000, 1_000_000],
  smoke: [300, 3_000],
} as const;
const APPENDS = 64;
const READS = 32;
const MIB = 1024 * 1024;
/** Said each so many entries while a log is filled. */
const SAY_ENTRIES = 1_000_000;
const STARTS = 3;
const START_SECONDS = 5;

/** The largest log against a smaller one: rates at least so much of it, p99 at most its inverse. */
const PART_OF_MILLION = 0.85;
const PART_OF_SMALL = 0.6;

interface Grown {
  readonly size: number;
  readonly place: Place;
  readonly server: SteleServer;
  readonly fillFindings: readonly Finding[];
}

/** 10 k, 1 M, … for people. */
export function shortSize(size: number): string {
  if (size >= 1_000_000) return `${size / 1_000_000} M`;
  return size >= 1_000 ? `${size / 1_000} k` : `${size}`;
}

async function grow(bench: Bench, size: number): Promise<Grown> {
  bench.say(`  filling a log with ${size.toLocaleString('en-US')} entries`);
  const place = await initStele(bench);
  const server = await serveStele(bench, place);
  const startMs = performance.now();
  let said = 0;
  await fill(server, size, (done) => {
    if (done - said < SAY_ENTRIES) return;
    said = done;
    bench.say(`    ${shortSize(done)} after ${Math.round((performance.now() - startMs) / 1_000)} s`);
  });
  const perSec = (size * 1_000) / (performance.now() - startMs);
  if (!(await untilQuiet(server.pid))) bench.say('    still compacting after two minutes; going on');
  const { calls, disk } = writtenBytes(server.pid);
  const what = `at ${shortSize(size)}`;
  const fillFindings = [
    show({ what: `filling by batches of 4,096 ${what}`, unit: 'entries/s' }, perSec),
    show(
      { what: `write amplification ${what}, bytes in write calls`, unit: 'x' },
      calls / size / ENTRY_BYTES,
    ),
    show({ what: `write amplification ${what}, bytes to disk`, unit: 'x' }, disk / size / ENTRY_BYTES),
  ];
  return { size, place, server, fillFindings };
}

/** Measures all sizes in turns. The servers outlive it. */
async function measureSizes(
  bench: Bench,
  logs: readonly Grown[],
  kind: 'append' | 'prove',
): Promise<Record<string, Sample[]>> {
  const keep = { [Symbol.asyncDispose]: async () => {} };
  const contenders: Contender[] = logs.map(({ size, server }) => {
    const plan = kind === 'append' ? appending(server, APPENDS) : proving(server, READS, size);
    return underLoad(`${kind} at ${shortSize(size)}`, keep, plan);
  });
  const pace: Pace = { ...bench.pace, warmUpSeconds: Math.min(1, bench.pace.warmUpSeconds) };
  return measureInTurns(contenders, pace, (name, sample) => saySample(bench, name, sample));
}

function growthFindings(samples: Samples, sizes: readonly number[], kind: 'append' | 'prove'): Finding[] {
  const largest = Math.max(...sizes);
  const smaller = sizes.filter((size) => size !== largest).reverse();
  return smaller.flatMap((size) => {
    const part = size >= 1_000_000 ? PART_OF_MILLION : PART_OF_SMALL;
    const names = { ours: `${kind} at ${shortSize(largest)}`, theirs: `${kind} at ${shortSize(size)}` };
    const what = `${kind} at ${shortSize(largest)}`;
    return [
      ...versus(samples, { ...names, what, metric: 'perSec', unit: 'req/s', goal: { atLeast: part } }),
      ...versus(samples, {
        ...names,
        what: `${what}, p99`,
        metric: 'p99Ms',
        unit: 'ms',
        goal: { atMost: 1 / part },
      }),
    ];
  });
}

/** Most memory after load, by entries: ten million may take 1.2 times as much as a million. */
const MEMORY_MIB: ReadonlyMap<number, number> = new Map([
  [1_000_000, 333],
  [10_000_000, 400],
]);

/** Memory after all the load, and of the largest beside that of a million. */
function memoryFindings(logs: readonly Grown[]): Finding[] {
  const resident = logs.map(({ size, server }) => ({ size, ...residentBytes(server.pid) }));
  const findings = resident.flatMap(({ size, all, own }) => {
    const what = `memory after load at ${shortSize(size)}`;
    const atMost = MEMORY_MIB.get(size);
    const head = { what, unit: 'MiB' } as const;
    const whole = atMost === undefined ? show(head, all / MIB) : judgeLimit(head, all / MIB, { atMost });
    return [whole, show({ what: `${what}, without mapped files`, unit: 'MiB' }, own / MIB)];
  });
  const million = resident.find(({ size }) => size === 1_000_000);
  const largest = resident.at(-1);
  if (million === undefined || largest === undefined || largest === million) return findings;
  const what = `memory after load at ${shortSize(largest.size)}`;
  const head = { what, against: 'at 1 M', unit: 'MiB', goal: { atMost: 1.2 } } as const;
  return [...findings, judge(head, [{ ours: largest.all / MIB, theirs: million.all / MIB }])];
}

/** From the start of the process to the first good answer of /readyz, after a clean stop. */
async function startFinding(bench: Bench, { size, place }: Grown): Promise<Finding> {
  const pairs: { ours: number; theirs: number }[] = [];
  for (let i = 0; i < STARTS; i += 1) {
    const startMs = performance.now();
    await using server = await serveStele(bench, place);
    await waitReady(server);
    pairs.push({ ours: (performance.now() - startMs) / 1_000, theirs: START_SECONDS });
  }
  const what = `start to ready at ${shortSize(size)}`;
  return judge({ what, against: 'limit', unit: 's', goal: { atMost: 1 } }, pairs);
}

/** Whether what one entry costs grows with the tree. Filling takes minutes, so one part that fails spoils no other. */
export const growthRow: Row = {
  name: 'growth',
  title: 'growth',
  run: async (bench): Promise<Outcome> => {
    const sizes = SIZES[bench.mode];
    const logs: Grown[] = [];
    const parts = new Parts();
    try {
      for (const size of sizes) logs.push(await grow(bench, size));
      await parts.add(async () => {
        // Proofs first: appends make the small log larger than its name.
        const samples = await measureSizes(bench, logs, 'prove');
        return { samples, findings: growthFindings(samples, sizes, 'prove') };
      });
      await parts.add(async () => {
        const samples = await measureSizes(bench, logs, 'append');
        return { samples, findings: growthFindings(samples, sizes, 'append') };
      });
      await parts.add(async () => ({ findings: memoryFindings(logs) }));
      for (const { server } of logs) await server[Symbol.asyncDispose]();
      for (const log of logs.slice(1))
        await parts.add(async () => ({ findings: [await startFinding(bench, log)] }));
      await parts.add(async () => ({ findings: logs.flatMap((log) => log.fillFindings) }));
      return parts.outcome();
    } finally {
      for (const { server } of logs) await server[Symbol.asyncDispose]();
    }
  },
};

/** Gathers what parts of a row found, and why some found nothing. */
class Parts {
  readonly #outcomes: Outcome[] = [];
  readonly #errors: string[] = [];

  async add(part: () => Promise<Outcome>): Promise<void> {
    try {
      this.#outcomes.push(await part());
    } catch (error) {
      this.#errors.push(error instanceof Error ? error.message : String(error));
    }
  }

  outcome(): Outcome {
    const samples: Samples = Object.assign({}, ...this.#outcomes.map((one) => one.samples ?? {}));
    const findings = this.#outcomes.flatMap((one) => one.findings);
    return { findings, samples, ...(this.#errors.length > 0 && { error: this.#errors.join('; ') }) };
  }
}
