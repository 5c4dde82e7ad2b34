import { SERVER_LIMITS, type ServerLimits } from '../../src/http/server.ts';

const LONG_MS = 3_600_000;

/** Limits of a fuzzed server: no connection of it ends because the machine stood still. */
export const PATIENT: ServerLimits = {
  ...SERVER_LIMITS,
  ...{ headersMs: LONG_MS, requestMs: LONG_MS, keepAliveMs: LONG_MS, idleMs: LONG_MS },
};

/**
 * Seconds in which this process ran: while a machine stands still, or does other work, nobody answers. What was taken and not answered
 * would leave the model of the log behind, and each case after it would fail.
 */
export class Deadline implements Disposable {
  readonly #ending = new AbortController();
  readonly #ticks: NodeJS.Timeout;

  constructor(seconds: number) {
    let left = seconds;
    this.#ticks = setInterval(() => {
      left -= 1;
      if (left === 0) this.#ending.abort(new Error(`no whole answer in ${seconds} s`));
    }, 1_000);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticks);
  }
}
