import { SEED_BYTES } from '../core/event/commitment.ts';
import type { Clock } from '../runtime/clock.ts';
import { type SealableEvent, type SealDeps, type SealedEvent, sealEvent } from './seal-event.ts';

/** Where events go that become leaves together, one behind the other. */
export interface EventPlaces {
  readonly start: number;
  readonly receivedMs: number;
  /** Of each its secret, 32 bytes. */
  readonly seeds: Uint8Array;
}

/** Makes of events what is stored of them, in their order. */
export interface Sealer {
  seal(events: readonly SealableEvent[], places: EventPlaces): Promise<readonly SealedEvent[]>;
}

/** Events, and bytes of them, that are sealed without giving way to other work: about five milliseconds. */
const SEALED_AT_A_TIME = 128;
const SEALED_BYTES_AT_A_TIME = 1024 * 1024;

/** Seals in this thread, giving way to other work. */
export class SealerHere implements Sealer {
  readonly #deps: SealDeps;
  readonly #clock: Pick<Clock, 'nextTurn'>;

  constructor(deps: SealDeps, clock: Pick<Clock, 'nextTurn'>) {
    this.#deps = deps;
    this.#clock = clock;
  }

  async seal(
    events: readonly SealableEvent[],
    { start, receivedMs, seeds }: EventPlaces,
  ): Promise<readonly SealedEvent[]> {
    const all: SealedEvent[] = [];
    let [turnStart, turnBytes] = [0, 0];
    for (const [i, event] of events.entries()) {
      const seed = seeds.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES);
      const sealed = sealEvent(this.#deps, event, { index: start + i, seed, receivedMs });
      all.push(sealed);
      turnBytes += sealed.payload.length + (sealed.raw?.length ?? 0);
      if (all.length - turnStart < SEALED_AT_A_TIME && turnBytes < SEALED_BYTES_AT_A_TIME) continue;
      await this.#clock.nextTurn();
      [turnStart, turnBytes] = [all.length, 0];
    }
    return all;
  }
}
