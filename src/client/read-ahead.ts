/**
 * Reads numbered things in order, some of them ahead of their turn. Holds at most `ahead` + 1 reads under way; what
 * was read and not taken goes with the object.
 */
export class ReadAhead<T> {
  readonly #read: (index: number) => Promise<T>;
  readonly #ahead: number;
  readonly #end: number;
  readonly #started = new Map<number, Promise<T>>();

  /** @throws RangeError unless `ahead` is a whole number from 0 */
  constructor(read: (index: number) => Promise<T>, limits: { readonly ahead: number; readonly end: number }) {
    if (!Number.isSafeInteger(limits.ahead) || limits.ahead < 0)
      throw new RangeError(`ahead: ${limits.ahead}`);
    this.#read = read;
    this.#ahead = limits.ahead;
    this.#end = limits.end;
  }

  /** Number `index`; the next ones are under way when it comes, `ahead` of them where that is fewer than usual. Indexes must ascend. */
  take(index: number, ahead: number = this.#ahead): Promise<T> {
    const last = Math.min(index + Math.min(ahead, this.#ahead), this.#end - 1);
    const taken = this.#started.get(index) ?? this.#read(index);
    this.#started.delete(index);
    for (let next = index + 1; next <= last; next += 1) if (!this.#started.has(next)) this.#start(next);
    return taken;
  }

  #start(index: number): void {
    const work = this.#read(index);
    work.catch(() => undefined); // told when its turn comes; a reader that stops early never asks
    this.#started.set(index, work);
  }
}
