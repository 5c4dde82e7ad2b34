import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/runtime/clock.ts';

interface Sleeper {
  readonly atMs: number;
  wake(): void;
}

/** Time that passes only when told; who sleeps is woken by it. */
export class StepClock implements Clock {
  #ms: number;
  #monotonic = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(ms = 1_750_000_000_000) {
    this.#ms = ms;
  }
  nowMs(): number {
    return this.#ms;
  }
  monotonicMs(): number {
    return this.#monotonic;
  }
  pass(ms: number): void {
    this.#ms += ms;
    this.#monotonic += ms;
    for (const sleeper of this.#sleepers) if (sleeper.atMs <= this.#monotonic) sleeper.wake();
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true || ms <= 0) return resolve();
      const sleeper: Sleeper = {
        atMs: this.#monotonic + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }
  async nextTurn(): Promise<void> {
    await setImmediate();
  }
}

/** Lets others go on until something is so; the test's own deadline ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}

/** Lets everything that can go on without time passing do so. */
export async function settle(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i += 1) await setImmediate();
}

/** Lets time pass, a second at a time, until something is so. */
export async function passUntil(clock: StepClock, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    clock.pass(1_000);
    await settle(10);
  }
}
