import { TlogError } from '../core/error.ts';

/** So many seconds' worth of requests may come at once. */
const BURST_SEC = 10;

/** Requests of one log: `perSec` on average, ten seconds' worth at once; 0 has no limit. */
export class RateLimit {
  readonly #perSec: number;
  #left: number;
  #atMs: number;

  constructor(perSec: number, nowMs: number) {
    this.#perSec = perSec;
    this.#left = perSec * BURST_SEC;
    this.#atMs = nowMs;
  }

  /** Counts a request. `nowMs` never goes back. @throws TlogError rate_limited */
  take(nowMs: number): void {
    if (this.#perSec === 0) return;
    const earned = ((nowMs - this.#atMs) / 1_000) * this.#perSec;
    this.#left = Math.min(this.#perSec * BURST_SEC, this.#left + earned);
    this.#atMs = nowMs;
    if (this.#left < 1) {
      const retryAfterSec = Math.ceil((1 - this.#left) / this.#perSec);
      throw new TlogError('rate_limited', `over ${this.#perSec} requests a second for this log`, {
        details: { retryAfterSec },
      });
    }
    this.#left -= 1;
  }
}
