import { TlogError } from '../core/error.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RaisedAlert } from './alert.ts';
import type { OutboxFolder, StoredAlert } from './outbox-folder.ts';
import type { Sink } from './sink.ts';
import { fresh, HOLDING_TRIES, isCritical, type Waiting } from './waiting-alert.ts';

/** Alerts of one sink that wait; beyond it only critical ones are taken. */
export const WAITING_MAX = 1_000;
/** Beyond this critical ones, too, are given up: the disk is not ours alone. */
export const CRITICAL_WAITING_MAX = 10_000;
/** Of each delivery, from the call to its end. */
export const DELIVERY_MS = 15_000;
const STEP_MS = 1_000;
const STEP_MAX_MS = 300_000;
/** An alert that a sink has refused for so long holds up those behind it no longer; one that is not critical is given up. */
const OVERDUE_MS: number = 3 * 86_400_000;

/** What a queue works with. */
export interface SinkQueueDeps {
  readonly sink: Sink;
  readonly folder: Pick<OutboxFolder, 'read' | 'write' | 'remove' | 'keepGivenUp'>;
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
  /** Critical alerts among them that it has refused for three days: they are tried on, in no order. */
  readonly overdue: number;
  /** Since the process began, as are the next two. */
  readonly delivered: number;
  /** Tries that failed. */
  readonly failed: number;
  /** Refused for three days and not critical, or without room in a full queue. */
  readonly givenUp: number;
}

/**
 * What one sink has not taken yet. One alert is on its way at a time; those of one log keep their order, those of others go on
 * while one waits for its next try. Owner of the sink's folder.
 */
export class SinkQueue {
  /** What earlier processes have left to be sent, but for ends. */
  readonly found: readonly RaisedAlert[];
  readonly #deps: SinkQueueDeps;
  /** In order of numbers. Changed by `add`, `#try` and `#giveUp`, between awaits. */
  readonly #waiting: Waiting[];
  /** Owned by `#try`. */
  #onItsWay: Waiting | undefined;
  #nextNumber: number;
  #wake = new AbortController();
  #closed = false;
  #delivered = 0;
  #failed = 0;
  #givenUp = 0;
  readonly #onEmpty = new Set<() => void>();
  readonly #running: Promise<void>;
  readonly #closing = new AbortController();
  /** What is still to be done to files. */
  #filed: Promise<void> = Promise.resolve();

  private constructor(deps: SinkQueueDeps, stored: readonly StoredAlert[]) {
    this.found = stored.map(({ alert }) => alert).filter(({ endedAt }) => endedAt === undefined);
    this.#deps = deps;
    this.#waiting = stored.map(fresh);
    this.#nextNumber = (stored.at(-1)?.number ?? 0) + 1;
    this.#running = this.#run();
  }

  /** Goes on where the last process ended. */
  static async open(deps: SinkQueueDeps): Promise<SinkQueue> {
    return new SinkQueue(deps, await deps.folder.read(deps.onTrouble));
  }

  get takesEnds(): boolean {
    return this.#deps.sink.takesEnds === true;
  }

  get status(): SinkStatus {
    const overdue = this.#waiting.filter(({ isOverdue }) => isOverdue).length;
    const counts = { delivered: this.#delivered, failed: this.#failed, givenUp: this.#givenUp };
    return { name: this.#deps.sink.name, waiting: this.#waiting.length, overdue, ...counts };
  }

  /**
   * Durable on return, or told why not: then it is still sent, unless the process ends first. In a full queue the newest that is not
   * critical makes way for a critical one; whatever else finds no room is given up.
   */
  async add(alert: RaisedAlert): Promise<void> {
    const stored = { number: this.#nextNumber, alert };
    this.#nextNumber += 1;
    if (!this.#makeRoom(alert)) {
      this.#giveUp(stored, 'the queue is full');
      return this.#filed;
    }
    await this.#deps.folder.write(stored).catch((cause: Error) => {
      const message = `an alert for ${this.#deps.sink.name} could not be written: ${cause.message}`;
      this.#deps.onTrouble(new TlogError('not_writable', message, { cause }));
    });
    this.#waiting.push(fresh(stored));
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
    await this.#filed;
  }

  /** What is critical makes way for nothing. */
  #makeRoom(alert: RaisedAlert): boolean {
    if (this.#waiting.length < WAITING_MAX) return true;
    if (!isCritical(alert)) return false;
    const lesser = this.#waiting.findLast((each) => !isCritical(each.alert) && each !== this.#onItsWay);
    if (lesser === undefined) return this.#waiting.length < CRITICAL_WAITING_MAX;
    this.#giveUp(lesser, 'a critical one took its place in the full queue');
    this.#remove(lesser);
    return true;
  }

  async #run(): Promise<void> {
    // Not within the constructor, which has to end first.
    await Promise.resolve();
    while (!this.#closed) {
      const { next, waitMs } = this.#next();
      if (next !== undefined) await this.#tryInOrder(next);
      else await this.#rest(waitMs);
    }
  }

  /**
   * The first alert of a log whose time has come, or how long none has; for ever when none waits. One that is overdue, or was refused often, keeps
   * nothing behind it waiting.
   */
  #next(): { next?: Waiting; waitMs: number } {
    const nowMs = this.#deps.clock.monotonicMs();
    const logs = new Set<string>();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      if (logs.has(waiting.alert.log)) continue;
      if (!waiting.isOverdue && waiting.tries < HOLDING_TRIES) logs.add(waiting.alert.log);
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

  /**
   * After the first of its log that is not known to be disliked, if that is in front of it: where the sink takes that one now it was
   * away, and all keep their order.
   */
  async #tryInOrder(next: Waiting): Promise<void> {
    const inFront = this.#waiting.slice(0, this.#waiting.indexOf(next));
    const isOfOrder = ({ alert, isOverdue, isDisliked }: Waiting): boolean =>
      alert.log === next.alert.log && !isOverdue && !isDisliked;
    const first = inFront.find(isOfOrder);
    if (first !== undefined) await this.#try(first);
    const isTaken = first !== undefined && !this.#waiting.includes(first);
    if (!isTaken && !this.#closed && this.#waiting.includes(next)) await this.#try(next);
  }

  async #try(waiting: Waiting): Promise<void> {
    waiting.tries += 1;
    this.#onItsWay = waiting;
    try {
      await this.#deliver(waiting.alert);
    } catch (error) {
      if (!this.#closed) this.#tryLater(waiting, error);
      return;
    } finally {
      this.#onItsWay = undefined;
    }
    this.#delivered += 1;
    this.#remove(waiting);
    this.#hurry(waiting);
  }

  /**
   * The sink is there: those of the log that it had no time for need not wait. One that was refused often does, unless the sink has
   * just taken such a one: then it was away.
   */
  #hurry(taken: Waiting): void {
    const wasAway = taken.tries > HOLDING_TRIES;
    for (const each of this.#waiting) {
      const isOfLog = each.alert.log === taken.alert.log && !each.isDisliked;
      if (isOfLog && (wasAway || each.tries < HOLDING_TRIES)) each.dueMs = 0;
    }
  }

  #tryLater(waiting: Waiting, error: unknown): void {
    const { clock, random, onTrouble, sink } = this.#deps;
    this.#failed += 1;
    const why = error instanceof Error ? error.message : String(error);
    const { at, endedAt = at } = waiting.alert;
    waiting.isOverdue = clock.nowMs() - Date.parse(endedAt) > OVERDUE_MS;
    if (waiting.isOverdue && !isCritical(waiting.alert)) {
      this.#giveUp(waiting, `refused for three days: ${why}`);
      this.#remove(waiting);
      return;
    }
    waiting.isDisliked ||= waiting.tries > HOLDING_TRIES && this.#delivered > waiting.takenBefore;
    waiting.takenBefore = this.#delivered;
    const step = Math.min(STEP_MAX_MS, STEP_MS * 2 ** (waiting.tries - 1));
    waiting.dueMs = clock.monotonicMs() + step * (0.5 + random() / 2);
    const message = `${sink.name} has not taken an alert (try ${waiting.tries}): ${why}`;
    onTrouble(new TlogError('not_delivered', message, { cause: error }));
  }

  /** Never in silence: it is counted, told, and kept as a record. */
  #giveUp({ number, alert }: StoredAlert, why: string): void {
    const { folder, onTrouble, sink } = this.#deps;
    const { severity, kind, log, message } = alert;
    this.#givenUp += 1;
    const told = `${sink.name} does not get ${severity} ${kind} of ${log}: ${message}: ${why}`;
    this.#file(async () => {
      const path = await folder.keepGivenUp({ number, alert }).catch((cause: Error) => cause.message);
      onTrouble(
        new TlogError('alert_given_up', `${told}; kept: ${path ?? 'no more room'}`, {
          details: { alert: JSON.stringify(alert) },
        }),
      );
    });
  }

  #remove(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#file(() => this.#deps.folder.remove(waiting.number));
    if (this.#waiting.length > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty.clear();
  }

  /** One after the other, in the background: what it comes to is waited for at the end alone. */
  #file(work: () => Promise<void>): void {
    this.#filed = this.#filed.then(work).catch((cause: Error) => {
      this.#deps.onTrouble(new TlogError('not_writable', cause.message, { cause }));
    });
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
