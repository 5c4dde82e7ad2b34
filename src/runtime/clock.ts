import { setImmediate, setTimeout as wait } from 'node:timers/promises';

/** Time, injected so that tests own it. Milliseconds. */
export interface Clock {
  /** Since 1970; may jump. */
  nowMs(): number;
  /** Since some start; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts: abort is not failure. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves once what has arrived by now has been looked at: the rest of this turn of the event loop, no more. */
  nextTurn(): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  },
  nextTurn: () => setImmediate(),
};
