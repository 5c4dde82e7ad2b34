import { createHash } from 'node:crypto';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly wakes: boolean;
  readonly run: () => void;
}

/**
 * Virtual time: a queue of events, run one at a time in order of their time. Nothing in a simulation waits for the
 * machine's clock. After an event that answers somebody, all that follows from the answer is run to its end.
 */
export class Scheduler {
  nowMs = 0;
  steps = 0;
  readonly #heap: Event[] = [];
  readonly #trace = createHash('sha256');
  #order = 0;
  #log: string[] | undefined;

  constructor(options: { readonly keepLog?: boolean } = {}) {
    if (options.keepLog === true) this.#log = [];
  }

  /** Runs something later. `wakes` says that it answers a waiting part of the program. */
  after(ms: number, run: () => void, wakes = true): void {
    this.#push({ atMs: this.nowMs + Math.max(0, ms), order: this.#order++, wakes, run });
  }

  /** One line of the trace: two runs of a seed must have the same lines. */
  note(line: string): void {
    const text = `${this.nowMs.toFixed(3)} ${line}`;
    this.#trace.update(text).update('\n');
    this.#log?.push(text);
  }

  /** SHA-256 of the trace. The scheduler is of no use afterwards. */
  traceHash(): string {
    return this.#trace.digest('hex');
  }

  log(): readonly string[] {
    return this.#log ?? [];
  }

  /** Runs the next event and what follows from it. False when there is none. */
  async step(): Promise<boolean> {
    const event = this.#pop();
    if (event === undefined) return false;
    this.nowMs = event.atMs;
    this.steps += 1;
    event.run();
    // An immediate runs when no promise is left to go on: the machine's time plays no part.
    if (event.wakes) await new Promise<void>((resolve) => setImmediate(resolve));
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = Math.floor((at - 1) / 2);
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
