import type { CallFault, Point } from './points.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Faults that wait for their call, and how often each named point was reached. */
export class Faults {
  readonly hits: Map<Point, number> = new Map();
  /** For each fault, how many calls each one that waits lets pass. */
  readonly #armed = new Map<CallFault, number[]>();

  /** Spoils the next call that it can, or a later one. */
  arm(fault: CallFault, after = 0): void {
    this.#armed.set(fault, [...(this.#armed.get(fault) ?? []), after]);
  }

  disarmAll(): void {
    this.#armed.clear();
  }

  take(fault: CallFault): boolean {
    const waiting = this.#armed.get(fault);
    const after = waiting?.[0];
    if (waiting === undefined || after === undefined) return false;
    if (after > 0) {
      waiting[0] = after - 1;
      return false;
    }
    waiting.shift();
    this.hit(fault);
    return true;
  }

  hit(point: Point): void {
    this.hits.set(point, (this.hits.get(point) ?? 0) + 1);
  }
}

/** The machine that all processes of a world run on. */
export interface Machine {
  readonly scheduler: Scheduler;
  /** Draws how long calls take; nothing else uses it. */
  readonly latency: Random;
  readonly faults: Faults;
  /** Longest usual duration of a call, in milliseconds. */
  readonly callMs: number;
  /** Told of every call before it begins and after each of its effects: where small worlds crash. */
  readonly onCall?: (what: string, effectsDone: number) => void;
}

/** Error of a call of the operating system. */
export function osError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** How a call goes. */
export interface CallOptions {
  /** How long it takes; by default anything up to the machine's usual. */
  readonly ms?: number;
  readonly extraMs?: number;
  readonly never?: boolean;
}

/** One process: what it has asked of its machine, and whether it still runs. Killed ones never hear an answer. */
export class Process {
  readonly name: string;
  readonly machine: Machine;
  alive = true;
  /** A fault was put into one of its calls: it may fail, it may not lie. */
  faulted = false;
  readonly faults: Set<CallFault> = new Set();
  /** Why it must sign nothing more. */
  doomed: string | undefined;
  /** Called when a fault ends the process at once. */
  onCrash: () => void = () => {};
  /** Called when a fault is put into one of its calls. */
  onFault: (fault: CallFault) => void = () => {};
  /** Called when a call is made that will never return. */
  onHung: () => void = () => {};
  /** Calls that have not been answered. */
  readonly inFlight: Set<string> = new Set();
  #paused = false;
  #held: (() => void)[] = [];

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.machine = machine;
  }

  takes(fault: CallFault): boolean {
    if (!this.alive || !this.machine.faults.take(fault)) return false;
    this.faulted = true;
    this.faults.add(fault);
    this.onFault(fault);
    this.machine.scheduler.note(`${this.name} fault ${fault}`);
    return true;
  }

  doom(why: string): void {
    this.doomed ??= why;
  }

  /** A call into the machine: effects one after another, then the answer, unless the process is gone by then. */
  call<T>(
    what: string,
    effects: readonly (() => void)[],
    answer: () => T,
    { extraMs = 0, never = false, ms }: CallOptions = {},
  ): Promise<T> {
    if (!this.alive) return new Promise(() => {});
    const { scheduler, latency, callMs, onCall } = this.machine;
    onCall?.(what, 0);
    if (!this.alive) return new Promise(() => {});
    const step = (ms ?? 0.05 + (latency.u32() / 2 ** 32) * callMs) / (effects.length + 1);
    effects.forEach((effect, i) => {
      const run = (): void => {
        if (!this.alive) return;
        effect();
        onCall?.(what, i + 1);
      };
      scheduler.after(extraMs + step * (i + 1), run, false);
    });
    if (never) this.onHung();
    this.inFlight.add(what);
    return new Promise((resolve, reject) => {
      if (never) return;
      scheduler.after(extraMs + step * (effects.length + 1), () =>
        this.#deliver(() => {
          this.inFlight.delete(what);
          settle(resolve, reject, answer);
        }),
      );
    });
  }

  kill(): void {
    this.alive = false;
    this.#held = [];
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }

  get paused(): boolean {
    return this.#paused;
  }

  #deliver(run: () => void): void {
    if (!this.alive) return;
    if (this.#paused) this.#held.push(run);
    else run();
  }
}

function settle<T>(resolve: (value: T) => void, reject: (error: unknown) => void, answer: () => T): void {
  try {
    resolve(answer());
  } catch (error) {
    reject(error);
  }
}
