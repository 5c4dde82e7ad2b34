import { TlogError } from '../core/error.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RaisedAlert } from './alert.ts';
import type { OutboxFolder, StoredAlert } from './outbox-folder.ts';
import type { Sink } from './sink.ts';

/** Alerts of one sink that wait. */
export const WAITING_MAX = 1_000;
/** Of each delivery, from the call to its end. */
export const DELIVERY_MS = 15_000;
const STEP_MS = 1_000;
const STEP_MAX_MS = 300_000;
/** An alert that a sink has refused for so long is given up: it must not hold up those behind it for ever. */
const GIVE_UP_MS: number = 3 * 86_400_000;

/** What a queue works with. */
export interface SinkQueueDeps {
  readonly sink: Sink;
  readonly folder: OutboxFolder;
  readonly clock: Clock;
  /** A number in [0, 1). */
  random(): number;
  /** Gets what an operator should see; never waited for. */
  onTrouble(error: TlogError): void;
}

/** How a sink stands. */
export interface SinkStatus {
  readonly name: string;
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  /** Given up, or pushed out of a full queue. */
  readonly dropped: number;
}

interface Waiting extends StoredAlert {
  tries: number;
  /** On the monotonic clock. */
  dueMs: number;
}

/**
 * What one sink has not taken yet. One alert is on its way at a time; those of one log keep their order, those of others go on
 * while one waits for its next try. Owner of the sink's folder.
 */
export class SinkQueue {
  readonly #deps: SinkQueueDeps;
  /** In order of numbers. Changed by `add`, `#try` and `#drop`, between awaits. */
  readonly #waiting: Waiting[];
  #nextNumber: number;
  #wake = new AbortController();
  #closed = false;
  #delivered = 0;
  #failed = 0;
  #dropped = 0;
  readonly #onEmpty = new Set<() => void>();
  readonly #running: Promise<void>;
  readonly #closing = new AbortController();
  #removed: Promise<void> = Promise.resolve();

  private constructor(deps: SinkQueueDeps, stored: readonly StoredAlert[]) {
    this.#deps = deps;
    this.#waiting = stored.map((each) => ({ ...each, tries: 0, dueMs: 0 }));
    this.#nextNumber = (stored.at(-1)?.number ?? 0) + 1;
    this.#running = this.#run();
  }

  /** Goes on where the last process ended. */
  static async open(deps: SinkQueueDeps): Promise<SinkQueue> {
    return new SinkQueue(deps, await deps.folder.read(deps.onTrouble));
  }

  /** Names of the alerts that wait. */
  get ids(): readonly string[] {
    return this.#waiting.map(({ alert }) => alert.id);
  }

  get status(): SinkStatus {
    const counts = { delivered: this.#delivered, failed: this.#failed, dropped: this.#dropped };
    return { name: this.#deps.sink.name, waiting: this.#waiting.length, ...counts };
  }

  /** Durable on return, or told why not: then it is still sent, unless the process ends first. */
  async add(alert: RaisedAlert): Promise<void> {
    const stored = { number: this.#nextNumber, alert };
    this.#nextNumber += 1;
    if (this.#waiting.length >= WAITING_MAX && !this.#makeRoom(alert)) return;
    await this.#deps.folder.write(stored).catch((cause: Error) => {
      const message = `an alert for ${this.#deps.sink.name} could not be written: ${cause.message}`;
      this.#deps.onTrouble(new TlogError('not_writable', message, { cause }));
    });
    this.#waiting.push({ ...stored, tries: 0, dueMs: 0 });
    this.#wake.abort();
  }

  /** Resolves once nothing waits, or after `ms`. */
  async drained(ms: number): Promise<void> {
    if (this.#waiting.length === 0) return;
    const over = new AbortController();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty.add(resolve);
    });
    await Promise.race([empty, this.#deps.clock.sleep(ms, over.signal)]);
    over.abort();
  }

  /** The alert on its way is cut off; what waits is tried by the next process. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort();
    this.#wake.abort();
    await this.#running;
    // What was delivered is not sent again by the next process.
    await this.#removed;
  }

  /** Something less grave makes way; where all are as grave the new one does. */
  #makeRoom({ severity, kind, log }: RaisedAlert): boolean {
    const lesser = this.#waiting.find(({ alert, tries }) => alert.severity !== 'critical' && tries === 0);
    const told = `the queue of ${this.#deps.sink.name} is full`;
    if (lesser !== undefined) this.#drop(lesser, told);
    else {
      this.#dropped += 1;
      this.#deps.onTrouble(new TlogError('queue_full', `${told}: ${severity} ${kind} of ${log} is not sent`));
    }
    return lesser !== undefined;
  }

  async #run(): Promise<void> {
    // Not within the constructor, which has to end first.
    await Promise.resolve();
    while (!this.#closed) {
      const { next, waitMs } = this.#next();
      if (next !== undefined) await this.#try(next);
      else await this.#rest(waitMs);
    }
  }

  /** The first alert of a log whose time has come, or how long none has; for ever when none waits. */
  #next(): { next?: Waiting; waitMs: number } {
    const nowMs = this.#deps.clock.monotonicMs();
    const logs = new Set<string>();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      if (logs.has(waiting.alert.log)) continue;
      logs.add(waiting.alert.log);
      if (waiting.dueMs <= nowMs) return { next: waiting, waitMs: 0 };
      waitMs = Math.min(waitMs, waiting.dueMs - nowMs);
    }
    return { waitMs };
  }

  /** Until the time is over, or something was added or closed. */
  async #rest(ms: number): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    if (ms !== Number.POSITIVE_INFINITY) return this.#deps.clock.sleep(ms, wake.signal);
    await new Promise<void>((resolve) => {
      wake.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #try(waiting: Waiting): Promise<void> {
    waiting.tries += 1;
    try {
      await this.#deliver(waiting.alert);
    } catch (error) {
      if (!this.#closed) this.#tryLater(waiting, error);
      return;
    }
    this.#delivered += 1;
    this.#remove(waiting);
  }

  #tryLater(waiting: Waiting, error: unknown): void {
    const { clock, random, onTrouble, sink } = this.#deps;
    this.#failed += 1;
    const why = error instanceof Error ? error.message : String(error);
    if (clock.nowMs() - Date.parse(waiting.alert.at) > GIVE_UP_MS) {
      this.#drop(waiting, `${sink.name} has refused it for three days: ${why}`);
      return;
    }
    const step = Math.min(STEP_MAX_MS, STEP_MS * 2 ** (waiting.tries - 1));
    waiting.dueMs = clock.monotonicMs() + step * (0.5 + random() / 2);
    const message = `${sink.name} has not taken an alert (try ${waiting.tries}): ${why}`;
    onTrouble(new TlogError('not_delivered', message, { cause: error }));
  }

  #drop(waiting: Waiting, why: string): void {
    this.#dropped += 1;
    const { kind, log, message } = waiting.alert;
    this.#deps.onTrouble(new TlogError('not_delivered', `given up: ${kind} of ${log}: ${message}: ${why}`));
    this.#remove(waiting);
  }

  #remove(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    const removed = this.#deps.folder.remove(waiting.number).catch((cause: Error) => {
      this.#deps.onTrouble(new TlogError('not_writable', cause.message, { cause }));
    });
    this.#removed = Promise.all([this.#removed, removed]).then(() => undefined);
    if (this.#waiting.length > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty.clear();
  }

  /** A sink that does not listen to the signal is left behind: it must not hold up the others. */
  async #deliver(alert: RaisedAlert): Promise<void> {
    const { sink, clock } = this.#deps;
    const ending = new AbortController();
    const over = AbortSignal.any([ending.signal, this.#closing.signal]);
    const done = new AbortController();
    const late = clock.sleep(DELIVERY_MS, AbortSignal.any([done.signal, this.#closing.signal])).then(() => {
      ending.abort();
      throw new TlogError('not_delivered', `no end after ${DELIVERY_MS / 1_000} s`);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([sink.deliver(alert, over), late]);
    } finally {
      done.abort();
    }
  }
}
