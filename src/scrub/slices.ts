import { systemClock } from '../runtime/clock.ts';

/** Bytes hashed, or hashes made, between two turns of the event loop: about a millisecond. */
const SLICE_BYTES = 1024 * 1024;
const SLICE_HASHES = 128;

/** Cuts long work into slices, so that requests never wait for more than one of them. */
export class Slices {
  readonly #turn: () => Promise<void>;
  #bytes = 0;
  #hashes = 0;

  constructor(turn: () => Promise<void> = systemClock.nextTurn) {
    this.#turn = turn;
  }

  /** To be called after each hash, or after a few; gives the event loop a turn when a slice is full. */
  spent(bytes: number, hashes = 1): Promise<void> | undefined {
    this.#bytes += bytes;
    this.#hashes += hashes;
    if (this.#bytes < SLICE_BYTES && this.#hashes < SLICE_HASHES) return undefined;
    this.#bytes = 0;
    this.#hashes = 0;
    return this.#turn();
  }
}
