import type { TreeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';

/** Requests of one log that wait for witnesses, at most; each holds a connection. */
export const WAITERS_MAX = 1_024;

interface Waiter {
  readonly size: TreeSize;
  readonly woken: AbortController;
}

/** Whoever waits until a size is reached. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Resolves once the size is reached, or after `timeoutMs`; at once when too many wait already, and after `close`. */
  async until(size: TreeSize, timeoutMs: number): Promise<void> {
    if (this.#closed || this.#waiting.size >= WAITERS_MAX) return;
    const waiter = { size, woken: new AbortController() };
    this.#waiting.add(waiter);
    await this.#clock.sleep(timeoutMs, waiter.woken.signal);
    this.#waiting.delete(waiter);
  }

  /** Wakes who waits for this size or a smaller one. */
  wake(size: TreeSize): void {
    for (const waiter of this.#waiting) if (waiter.size <= size) waiter.woken.abort();
  }

  /** Wakes all; from now on nobody waits. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) waiter.woken.abort();
  }
}
