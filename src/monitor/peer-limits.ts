import { networkOf } from '../runtime/network.ts';
import { type RateLimitBounds, RateLimits } from '../runtime/rate-limit.ts';

const PEERS: RateLimitBounds = { perSec: 5, namesMax: 256 };

/** A rate limit for each address, so that nobody takes another's requests. Beyond 256 busy addresses the others share one. */
export class PeerLimits {
  readonly #limits: RateLimits;

  constructor(nowMs: number) {
    this.#limits = new RateLimits(PEERS, nowMs);
  }

  /** Counts a request of an IP address; `nowMs` never goes back. @throws TlogError rate_limited */
  take(address: string, nowMs: number): void {
    this.#limits.take(networkOf(address), nowMs);
  }
}
