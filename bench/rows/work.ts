import { type Bench, type Outcome, type Row, saySample } from '../harness/bench.ts';
import { type Finding, type Goal, judge, pairsOf, type Unit } from '../harness/finding.ts';
import { type Load, load, loadAmount } from '../harness/load.ts';
import { measureInTurns, type Pace } from '../harness/rounds.ts';
import type { Contender, Metric, Sample } from '../harness/sample.ts';
import { countSyncs } from '../harness/strace.ts';
import type { Answer, SteleServer } from '../peers/stele.ts';

/** Requests on each connection while syncs are counted. */
const SYNC_REQUESTS = 5;

/** Stele at some work, ready to be measured. */
export interface SteleAtWork {
  readonly server: SteleServer;
  readonly load: Load;
  /** An answer that the load gets, for what answers the same bytes without the work. */
  readonly answer: Answer;
}

/** A contender that stands in a row beside Stele; undefined when it cannot be had here. */
export interface Reference {
  readonly name: string;
  /** Left out of a quick run, which has no time for what is shown only. */
  readonly fullOnly?: boolean;
  readonly goals: readonly { readonly metric: Metric; readonly goal?: Goal }[];
  open(bench: Bench, stele: SteleAtWork): Promise<Contender | undefined>;
}

/** What was measured of each contender, in the order of the rounds. */
export type Samples = Readonly<Record<string, readonly Sample[]>>;

/** Syncs an answered request, by contender; those that could not be counted are absent. */
export type Syncs = Readonly<Record<string, number>>;

/** Work over HTTP that Stele and others do. */
export interface Work {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Starts Stele, ready for the work. */
  open(bench: Bench): Promise<SteleAtWork>;
  readonly references: readonly Reference[];
  /** Goals that are about more than Stele and one reference. */
  readonly more?: (samples: Samples, syncs: Syncs) => Finding[];
  /** Whether the work writes, so that its syncs are counted and shown. */
  readonly countsSyncs?: boolean;
  /** Where answers are so few that a quick run would count a handful: measure at least this long. */
  readonly secondsMin?: number;
}

/** A server under a load. Disposing ends the server. */
export function underLoad(name: string, server: AsyncDisposable, plan: Load): Contender & { plan: Load } {
  return {
    name,
    plan,
    measure: (seconds) => load(plan, seconds),
    [Symbol.asyncDispose]: () => Promise.resolve(server[Symbol.asyncDispose]()),
  };
}

/** A row of the bench from some work: all contenders in turns, then the goals. */
export function rowOf(work: Work): Row {
  const { name, title, unit } = work;
  const open = async (bench: Bench): Promise<Contender> => {
    const { server, load: plan } = await work.open(bench);
    return underLoad('stele', server, plan);
  };
  return { name, title, unit, open, run: (bench) => runWork(work, bench) };
}

async function runWork(work: Work, bench: Bench): Promise<Outcome> {
  const stele = await work.open(bench);
  const contenders: (Contender & { plan?: Load })[] = [underLoad('stele', stele.server, stele.load)];
  const notes: string[] = [];
  try {
    for (const reference of work.references) {
      if (reference.fullOnly === true && bench.mode === 'quick') continue;
      const contender = await reference.open(bench, stele);
      if (contender === undefined) notes.push(`${reference.name}: left out, it cannot run here`);
      else contenders.push(contender);
    }
    const onSample = (name: string, sample: Sample): void => saySample(bench, name, sample);
    const samples = await measureInTurns(contenders, paceOf(work, bench), onSample);
    const syncs = work.countsSyncs === true ? await syncsOf(bench, contenders) : {};
    if (work.countsSyncs === true) notes.push(syncNote(syncs));
    return {
      findings: [...findingsOf(work, samples), ...(work.more?.(samples, syncs) ?? [])],
      samples,
      notes,
    };
  } finally {
    for (const contender of contenders) await contender[Symbol.asyncDispose]();
  }
}

function paceOf({ secondsMin = 0 }: Work, { pace }: Bench): Pace {
  const atLeast = (seconds: number): number => Math.max(seconds, secondsMin);
  return { ...pace, seconds: atLeast(pace.seconds), warmUpSeconds: atLeast(pace.warmUpSeconds) };
}

async function syncsOf(bench: Bench, contenders: readonly (Contender & { plan?: Load })[]): Promise<Syncs> {
  const counted: Record<string, number> = {};
  for (const { name, plan } of contenders) {
    if (plan === undefined || name === 'bare') continue;
    const requests = plan.connections * SYNC_REQUESTS;
    const syncs = await countSyncs(bench, plan.pid, () => loadAmount(plan, requests));
    if (syncs !== undefined) counted[name] = syncs / requests;
  }
  return counted;
}

function syncNote(syncs: Syncs): string {
  const parts = Object.entries(syncs).map(([name, count]) => `${name} ${count.toPrecision(3)}`);
  if (parts.length === 0) return 'syncs a request: not counted, strace does not run here';
  return `syncs a request (by strace, in a run of its own): ${parts.join(', ')}`;
}

function findingsOf({ references, unit }: Work, samples: Samples): Finding[] {
  return references.flatMap(({ name, goals }) =>
    goals.flatMap(({ metric, goal }) =>
      versus(samples, { unit, theirs: name, metric, ...(goal && { goal }) }),
    ),
  );
}

/** One contender against another by one number; empty when either was left out. */
export function versus(
  samples: Samples,
  of: {
    readonly ours?: string;
    readonly theirs: string;
    readonly metric: Metric;
    readonly unit: Unit;
    readonly goal?: Goal;
    readonly what?: string;
  },
): Finding[] {
  const { ours: name = 'stele', theirs: against, metric, unit, goal } = of;
  const ours = samples[name];
  const theirs = samples[against];
  if (ours === undefined || theirs === undefined) return [];
  const isRate = metric === 'perSec';
  const what = of.what ?? (isRate ? undefined : metric.slice(0, 3));
  const head = {
    against,
    unit: isRate ? unit : ('ms' as const),
    ...(what && { what }),
    ...(goal && { goal }),
  };
  return [judge(head, pairsOf(ours, theirs, metric))];
}
