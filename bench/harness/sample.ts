import type { Percentiles } from './statistics.ts';

/** One measurement of one contender. */
export interface Sample extends Percentiles {
  /** Requests, or entries, that were answered well each second. */
  readonly perSec: number;
  readonly count: number;
  /** Bytes of the answers, heads included; 0 where nothing is sent. */
  readonly answerBytes: number;
  /** Processors that the measured process kept busy, on average; 0 where not known. */
  readonly serverCores: number;
  /** Processors that the load generator kept busy: near 1 it is what limits the rate. */
  readonly loadCores: number;
}

/** What of a sample a goal is about. */
export type Metric = 'perSec' | 'p50Ms' | 'p99Ms';

/** Something that can be measured again and again; disposing ends what it started. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  measure(seconds: number): Promise<Sample>;
}
