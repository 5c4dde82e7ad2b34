import type { PendingRequest } from './pending-queue.ts';

/** What a request and an entry cost beside their bytes, as bytes that cost as much. */
const REQUEST_COST = 4_096;
const ENTRY_COST = 256;
/** What a commit leaves of the weight of those before it. */
const MEMORY = 0.75;

/**
 * How much work the last commits did in how much time, answers and arrivals between them counted in, and how much is
 * to be done. Bytes alone would not do: a hundred small requests cost more than a large one.
 */
export class DrainRate {
  #cost = 0;
  #doneCost = 0;
  #doneMs = 0;
  #sinceMs = 0;

  /** A request came in. */
  begin(pending: PendingRequest): void {
    if (this.#cost === 0) this.#sinceMs = pending.enqueuedAtMs;
    this.#cost += costOf(pending);
  }

  /** These were committed by now. */
  end(requests: readonly PendingRequest[], nowMs: number): void {
    const cost = this.drop(requests);
    this.#doneCost = this.#doneCost * MEMORY + cost;
    this.#doneMs = this.#doneMs * MEMORY + nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }

  /** These are not to be done any more. @returns what they would have cost */
  drop(requests: readonly PendingRequest[]): number {
    const cost = requests.reduce((sum, pending) => sum + costOf(pending), 0);
    this.#cost -= cost;
    return cost;
  }

  /** How long what is to be done takes, at the rate of the last commits; 0 before the first one. */
  waitMs(): number {
    return this.#doneCost === 0 ? 0 : (this.#cost * this.#doneMs) / this.#doneCost;
  }
}

function costOf({ bytes, request }: PendingRequest): number {
  return bytes + request.entries.length * ENTRY_COST + REQUEST_COST;
}
