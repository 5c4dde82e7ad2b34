import { TlogError } from '../core/error.ts';

/** So many seconds' worth of requests may come at once. */
const BURST_SEC = 10;
/** Whoever has asked nothing for so long has all of its requests again. */
const RESTED_MS = BURST_SEC * 1_000;

/** Requests of one log or client: `perSec` on average, ten seconds' worth at once; 0 has no limit. */
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
      throw new TlogError('rate_limited', `over ${this.#perSec} requests a second; nothing was done`, {
        details: { retryAfterSec },
      });
    }
    this.#left -= 1;
  }
}

/** Bounds of the limits of many. */
export interface RateLimitBounds {
  /** Requests a second of each, and of all together that are beyond those remembered. */
  readonly perSec: number;
  /** How many are remembered. */
  readonly namesMax: number;
}

interface Named {
  readonly limit: RateLimit;
  /** Of its last request. */
  readonly atMs: number;
}

/** A rate limit for each name, so that nobody takes another's requests. Beyond so many busy ones the others share one. */
export class RateLimits {
  readonly #bounds: RateLimitBounds;
  /** Those that asked last stand last. */
  readonly #named = new Map<string, Named>();
  readonly #others: RateLimit;

  constructor(bounds: RateLimitBounds, nowMs: number) {
    this.#bounds = bounds;
    this.#others = new RateLimit(bounds.perSec, nowMs);
  }

  /** Counts a request; `nowMs` never goes back. @throws TlogError rate_limited */
  take(name: string, nowMs: number): void {
    this.#limitOf(name, nowMs).take(nowMs);
  }

  #limitOf(name: string, nowMs: number): RateLimit {
    const limit = this.#named.get(name)?.limit ?? this.#newLimit(nowMs);
    if (limit === undefined) return this.#others;
    this.#named.delete(name);
    this.#named.set(name, { limit, atMs: nowMs });
    return limit;
  }

  /** Forgets who has rested. Undefined where there is no room all the same. */
  #newLimit(nowMs: number): RateLimit | undefined {
    for (const [name, { atMs }] of this.#named) {
      if (atMs > nowMs - RESTED_MS) break;
      this.#named.delete(name);
    }
    if (this.#named.size >= this.#bounds.namesMax) return undefined;
    return new RateLimit(this.#bounds.perSec, nowMs);
  }
}
