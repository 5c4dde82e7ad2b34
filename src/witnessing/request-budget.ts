/** Requests under way at once, over all logs and witnesses; the others wait in the order they came. */
export class RequestBudget {
  readonly #max: number;
  readonly #eachMax: number;
  readonly #waiting: { readonly to: string; readonly begin: () => void }[] = [];
  /** By the witness they go to. */
  readonly #running = new Map<string, number>();

  /** At most `max` in all, and `eachMax` to one witness: one that hangs takes no place of the others. */
  constructor(max: number, eachMax: number = max) {
    this.#max = max;
    this.#eachMax = eachMax;
  }

  /** Runs the work once there is room. Each log asks a witness one thing at a time, so few wait. */
  async run<T>(to: string, work: () => Promise<T>): Promise<T> {
    if (this.#hasRoom(to)) this.#count(to, 1);
    // Whoever ends hands its place over.
    else await new Promise<void>((begin) => this.#waiting.push({ to, begin }));
    try {
      return await work();
    } finally {
      this.#count(to, -1);
      this.#beginNext();
    }
  }

  /** One has ended, so one has room at most. */
  #beginNext(): void {
    const at = this.#waiting.findIndex(({ to }) => this.#hasRoom(to));
    const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (next === undefined) return;
    this.#count(next.to, 1);
    next.begin();
  }

  #hasRoom(to: string): boolean {
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    return all < this.#max && (this.#running.get(to) ?? 0) < this.#eachMax;
  }

  #count(to: string, change: 1 | -1): void {
    const count = (this.#running.get(to) ?? 0) + change;
    if (count === 0) this.#running.delete(to);
    else this.#running.set(to, count);
  }
}
