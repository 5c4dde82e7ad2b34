import { type Percentiles, percentiles } from '../harness/statistics.ts';
import type { RawAnswer } from './raw-connection.ts';

/** Of one sort of answers: how many, how long after they were due, and where that time went. */
export interface Times {
  readonly count: number;
  /** Those that were due and never sent are among them. */
  readonly total: Percentiles;
  /** From due to written: the generator's own delay, and its wait for a connection. */
  readonly own: Percentiles;
  /** From written to connected, where the connection was new. */
  readonly connect: Percentiles;
  /** From written, or connected, to the answer's first byte. */
  readonly server: Percentiles;
}

/** Collects the times of one sort of answers. */
export class TimeTable {
  readonly #total: number[] = [];
  readonly #own: number[] = [];
  readonly #connect: number[] = [];
  readonly #server: number[] = [];

  add(
    dueMs: number,
    sentMs: number,
    connectedMs: number,
    answer: Pick<RawAnswer, 'firstMs' | 'endMs'>,
  ): void {
    const fromMs = Math.max(sentMs, connectedMs);
    this.#total.push(answer.endMs - dueMs);
    this.#own.push(sentMs - dueMs);
    if (connectedMs > sentMs) this.#connect.push(connectedMs - sentMs);
    this.#server.push(answer.firstMs - fromMs);
  }

  /** @param late times of requests that have no answer, whichever they would have had */
  times(late: readonly number[] = []): Times {
    return {
      count: this.#total.length,
      total: percentiles([...this.#total, ...late]),
      own: percentiles(this.#own),
      connect: percentiles(this.#connect),
      server: percentiles(this.#server),
    };
  }
}

/**
 * At least how long after they were due requests would have been answered that were not sent when the load ended. They stand in a queue: none
 * would have waited less than the one before it, so none less than any that was sent.
 */
export function lateness(dueMs: readonly number[], endMs: number, longestWaitMs: number): number[] {
  return dueMs.map((due) => Math.max(endMs - due, longestWaitMs));
}
