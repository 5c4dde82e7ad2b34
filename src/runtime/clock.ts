import { setTimeout as delay } from 'node:timers/promises';

/** Time. Wall time only for stamps, monotonic time for durations. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};
