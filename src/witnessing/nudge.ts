import type { Clock } from '../runtime/clock.ts';

/** Wakes who sleeps before the time is over. */
export class Nudge {
  readonly #clock: Clock;
  #waking = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `ms`, or at the next `wake`. */
  sleep(ms: number): Promise<void> {
    return this.#clock.sleep(ms, this.#waking.signal);
  }

  wake(): void {
    const waking = this.#waking;
    this.#waking = new AbortController();
    waking.abort();
  }
}
