/** How much of a list is taken at once. */
export interface TurnLimits {
  readonly notesMax: number;
  /** Of all that are taken, as JSON; has room for any one of them. */
  readonly bytesMax: number;
}

/** Takes of a list of notes as many as fit, each time behind those of the time before: with more than fit each gets its turn. */
export class Turns {
  readonly #limits: TurnLimits;
  #next = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  take(notes: readonly string[]): readonly string[] {
    const from = this.#next % Math.max(1, notes.length);
    const taken = this.#fitting([...notes.slice(from), ...notes.slice(0, from)]);
    this.#next = taken.length === notes.length ? 0 : from + taken.length;
    return taken;
  }

  /** The first of them: whoever pads a note holds the others up for a turn, and no longer. */
  #fitting(notes: readonly string[]): readonly string[] {
    const { notesMax, bytesMax } = this.#limits;
    let bytes = 0;
    const end = notes.findIndex((note, i) => {
      bytes += Buffer.byteLength(JSON.stringify(note)) + ','.length;
      return i >= notesMax || bytes > bytesMax;
    });
    return end < 0 ? notes : notes.slice(0, end);
  }
}
