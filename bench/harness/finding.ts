import type { Metric, Sample } from './sample.ts';
import { median, ratioSpread, type Spread } from './statistics.ts';

/** What a ratio should be: at least or at most so much; `aim` is what we hope for beyond that. */
export interface Goal {
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly aim?: number;
}

/** What a number counts. */
export type Unit = 'req/s' | 'entries/s' | 'events/s' | 'ops/s' | 'ms' | 's' | 'B' | 'MiB' | 'x';

/** One line of the table: ours, theirs, and ours over theirs. Without a goal it is shown only. */
export interface Finding extends Partial<Spread> {
  /** What is compared, when the row's title does not say it all. */
  readonly what?: string;
  readonly against: string;
  readonly unit: Unit;
  readonly goal?: Goal;
  /** Medians over all pairs. */
  readonly ours: number;
  readonly theirs?: number;
  readonly pairs: readonly Pair[];
}

export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

/** Everything that a row found. Samples are by contender, in the order of the rounds. */
export interface RowResult {
  readonly row: string;
  readonly title: string;
  readonly findings: readonly Finding[];
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  readonly notes: readonly string[];
  /** Wall time of the row. */
  readonly seconds: number;
  /** Why the row has no findings, or not all. */
  readonly error?: string;
}

/** What a finding is about. */
export type FindingHead = Pick<Finding, 'what' | 'against' | 'unit' | 'goal'>;

/** Judges pairs of numbers. */
export function judge(head: FindingHead, pairs: readonly Pair[]): Finding {
  const ours = median(pairs.map((pair) => pair.ours));
  const theirs = median(pairs.map((pair) => pair.theirs));
  return { ...head, ours, theirs, ...ratioSpread(pairs), pairs };
}

/** Judges one number of ours against a limit. */
export function judgeLimit(
  { what, unit }: { readonly what: string; readonly unit: Unit },
  ours: number,
  limit: { readonly atMost?: number; readonly atLeast?: number },
): Finding {
  const theirs = limit.atMost ?? limit.atLeast ?? Number.NaN;
  const goal: Goal = limit.atMost === undefined ? { atLeast: 1 } : { atMost: 1 };
  return judge({ what, against: 'limit', unit, goal }, [{ ours, theirs }]);
}

/** A number of ours that nothing is compared with. */
export function show(head: { readonly what: string; readonly unit: Unit }, ours: number): Finding {
  return { ...head, against: '', ours, pairs: [] };
}

/** The same number of each sample of two contenders, side by side. */
export function pairsOf(ours: readonly Sample[], theirs: readonly Sample[], metric: Metric): Pair[] {
  return ours.slice(0, theirs.length).map((sample, i) => ({
    ours: sample[metric],
    theirs: theirs[i]?.[metric] ?? Number.NaN,
  }));
}

/** Whether the goal is met; undefined without one. What could not be measured meets none. */
export function isMet({ goal, ratio = Number.NaN }: Pick<Finding, 'goal' | 'ratio'>): boolean | undefined {
  if (goal === undefined) return undefined;
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = goal;
  return ratio >= atLeast && ratio <= atMost;
}
