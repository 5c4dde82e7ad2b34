import { TlogError } from '../core/error.ts';

/** Of one log, for one request: no monitor shows more than nine heads of a log. */
const ASKS_MAX = 16;
const ASKING_MS = 10_000;

/** What else than its own bounds ends it. */
export interface AskingLimits {
  readonly ms?: number;
  readonly asksMax?: number;
  readonly stop?: AbortSignal | undefined;
}

/**
 * How often and how long one log is asked on behalf of whoever shows its heads, 16 times and 10 s unless told otherwise. The time begins with the first
 * question.
 */
export class Asking {
  readonly #ms: number;
  readonly #stop: AbortSignal | undefined;
  #left: number;
  #late: AbortSignal | undefined;
  #isSpent = false;

  constructor({ ms = ASKING_MS, asksMax = ASKS_MAX, stop }: AskingLimits = {}) {
    this.#ms = ms;
    this.#left = asksMax;
    this.#stop = stop;
  }

  /** Whether more was to be asked than may be. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Runs what asks the log. @throws TlogError server_busy when it was asked enough, unreachable when the time is over; as `work`; the reason of `stop` */
  async ask<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#isSpent ||= this.#left === 0;
    if (this.#isSpent) throw new TlogError('server_busy', 'the log was asked enough for one request');
    this.#left -= 1;
    this.#late ??= AbortSignal.timeout(this.#ms);
    const late = this.#late;
    try {
      late.throwIfAborted();
      return await work(this.#stop === undefined ? late : AbortSignal.any([late, this.#stop]));
    } catch (error) {
      if (error !== late.reason || !late.aborted) throw error;
      throw new TlogError('unreachable', `the log did not give in ${this.#ms} ms what was asked for`);
    }
  }
}
