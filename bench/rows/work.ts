import { type Bench, type Row, saySample } from '../harness/bench.ts';
import { type Finding, type Goal, judge, pairsOf, type Unit } from '../harness/finding.ts';
import { type Load, load } from '../harness/load.ts';
import { measureInTurns } from '../harness/rounds.ts';
import type { Contender, Metric, Sample } from '../harness/sample.ts';
import type { Answer, SteleServer } from '../peers/stele.ts';

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
  readonly goals: readonly { readonly metric: Metric; readonly goal?: Goal }[];
  open(bench: Bench, stele: SteleAtWork): Promise<Contender | undefined>;
}

/** Work over HTTP that Stele and others do. */
export interface Work {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Starts Stele, ready for the work. */
  open(bench: Bench): Promise<SteleAtWork>;
  readonly references: readonly Reference[];
  /** Goals of Stele against its own numbers or against what was measured of several. */
  readonly more?: (samples: Readonly<Record<string, readonly Sample[]>>, bench: Bench) => Promise<Finding[]>;
  /** Said beside the numbers. */
  readonly notes?: (bench: Bench, stele: SteleAtWork) => Promise<string[]>;
}

/** A server under a load. Disposing ends the server. */
export function underLoad(name: string, server: AsyncDisposable, plan: Load): Contender {
  return {
    name,
    measure: (seconds) => load(plan, seconds),
    [Symbol.asyncDispose]: () => Promise.resolve(server[Symbol.asyncDispose]()),
  };
}

/** A row of the bench from some work: all contenders in turns, then the goals. */
export function rowOf(work: Work): Row {
  const { name, title } = work;
  return { name, title, run: (bench) => runWork(work, bench) };
}

async function runWork(work: Work, bench: Bench): ReturnType<Row['run']> {
  const stele = await work.open(bench);
  const contenders: Contender[] = [underLoad('stele', stele.server, stele.load)];
  const notes: string[] = [];
  try {
    for (const reference of work.references) {
      const contender = await reference.open(bench, stele);
      if (contender === undefined) notes.push(`${reference.name}: left out, it cannot run here`);
      else contenders.push(contender);
    }
    const samples = await measureInTurns(contenders, bench.pace, (name, sample) =>
      saySample(bench, name, sample),
    );
    const more = (await work.more?.(samples, bench)) ?? [];
    notes.push(...((await work.notes?.(bench, stele)) ?? []));
    return { findings: [...findingsOf(work, samples), ...more], samples, notes };
  } finally {
    for (const contender of contenders) await contender[Symbol.asyncDispose]();
  }
}

function findingsOf(
  { references, unit }: Work,
  samples: Readonly<Record<string, readonly Sample[]>>,
): Finding[] {
  return references.flatMap(({ name, goals }) => {
    const theirs = samples[name];
    if (theirs === undefined) return [];
    return goals.map(({ metric, goal }) => {
      const head = metric === 'perSec' ? { unit } : { unit: 'ms' as const, what: metric.slice(0, 3) };
      return judge(
        { ...head, against: name, ...(goal && { goal }) },
        pairsOf(samples['stele'] ?? [], theirs, metric),
      );
    });
  });
}
