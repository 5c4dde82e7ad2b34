/** Takes of a list as many as fit, each time behind those of the time before: with more than fit each gets its turn. */
export class Turns {
  readonly #max: number;
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take<T>(list: readonly T[]): readonly T[] {
    if (list.length <= this.#max) return list;
    const from = this.#next % list.length;
    this.#next = from + this.#max;
    return [...list.slice(from), ...list.slice(0, from)].slice(0, this.#max);
  }
}
