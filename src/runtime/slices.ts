/** How much is done between two turns of the event loop. */
export interface SliceBounds {
  readonly bytes: number;
  /** Hashes, rows, or other things that cost something however short they are. */
  readonly steps: number;
}

/** Cuts long work into slices, so that requests never wait for more than one of them. */
export class Slices {
  readonly #bounds: SliceBounds;
  readonly #turn: () => Promise<void>;
  #bytes = 0;
  #steps = 0;

  constructor(bounds: SliceBounds, turn: () => Promise<void>) {
    this.#bounds = bounds;
    this.#turn = turn;
  }

  /** To be called after each step, or after a few; gives the event loop a turn when a slice is full. */
  spent(bytes: number, steps = 1): Promise<void> | undefined {
    this.#bytes += bytes;
    this.#steps += steps;
    if (this.#bytes < this.#bounds.bytes && this.#steps < this.#bounds.steps) return undefined;
    return this.rest();
  }

  /** Gives the event loop a turn, and begins a new slice. */
  rest(): Promise<void> {
    this.#bytes = 0;
    this.#steps = 0;
    return this.#turn();
  }
}
