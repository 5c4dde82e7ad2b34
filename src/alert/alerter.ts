import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { type Alert, alertId, endedAlert, raisedAlert } from './alert.ts';
import { OutboxFolder } from './outbox-folder.ts';
import type { Sink } from './sink.ts';
import { SinkQueue, type SinkStatus } from './sink-queue.ts';
import { type AlertSubject, CAUSES_MAX, ToldAlerts } from './told-alerts.ts';

/** How alerts get out. */
export interface AlerterOptions {
  /** Folder of the outbox; made within its folder when it is not there. One process at a time. */
  readonly folder: string;
  readonly sinks: readonly Sink[];
  readonly clock?: Clock;
  /** A number in [0, 1). */
  readonly random?: () => number;
  /** Gets what an operator should see of the way of alerts; the alerts themselves are a log line of the caller. */
  readonly onTrouble?: (error: TlogError) => void;
}

/** Raises alerts: each goes to every sink, at least once, whatever becomes of the process. Spec ALERT. */
export class Alerter implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #onTrouble: (error: TlogError) => void;
  readonly #queues: readonly SinkQueue[];
  readonly #told: ToldAlerts;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: AlerterOptions, queues: readonly SinkQueue[], told: ToldAlerts) {
    this.#clock = options.clock ?? systemClock;
    this.#onTrouble = options.onTrouble ?? (() => undefined);
    this.#queues = queues;
    this.#told = told;
  }

  /** Goes on with what earlier processes have left to be sent. Whoever opens it closes it. @throws TlogError no_data */
  static async open(options: AlerterOptions): Promise<Alerter> {
    const { folder, sinks, clock = systemClock, random = Math.random, onTrouble = () => undefined } = options;
    await makeFolder(folder);
    const queues = await Promise.all(
      sinks.map((sink) => {
        const own = new OutboxFolder(join(folder, sink.name));
        return SinkQueue.open({ sink, folder: own, clock, random, onTrouble });
      }),
    );
    const told = await ToldAlerts.open(join(folder, 'told.json'));
    const alerter = new Alerter(options, queues, told);
    await alerter.#complete();
    return alerter;
  }

  /** A crash may have come between an alert and its name: then some sinks may not have it yet. */
  async #complete(): Promise<void> {
    const found = new Map(
      this.#queues.flatMap((queue) => queue.found.map((alert) => [alert.id, alert] as const)),
    );
    const untold = [...found.values()].filter(({ id }) => !this.#told.has(id));
    for (const alert of untold) {
      for (const queue of this.#queues)
        if (!queue.found.some(({ id }) => id === alert.id)) await queue.add(alert);
      this.#told.add(alert.id, alert, this.#clock.nowMs());
    }
    if (untold.length > 0) await this.#keepTold();
  }

  /**
   * Resolves once the alert is durable for every sink; what was told within a day, and is not over since, is `repeated` and not told
   * again, nor are more than a hundred causes of one kind and log a day. Never rejects and waits for no sink.
   */
  raise(alert: Alert): Promise<'queued' | 'repeated'> {
    return this.#inTurn(() => this.#raise(alert));
  }

  /**
   * What was told of a subject is over, but for what still is so: when it comes back it is told anew, ten minutes after it was
   * told at the earliest. Sinks that take ends get each. Never rejects.
   */
  resolve(subject: AlertSubject, still: readonly Alert[] = []): Promise<void> {
    return this.#inTurn(async () => {
      const ended = this.#told.end(subject, new Set(still.map(alertId)));
      if (ended.length === 0) return;
      const nowMs = this.#clock.nowMs();
      for (const queue of this.#queues.filter(({ takesEnds }) => takesEnds))
        for (const each of ended) await queue.add(endedAlert(each, nowMs));
      await this.#keepTold();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn;
    return turn;
  }

  async #raise(alert: Alert): Promise<'queued' | 'repeated'> {
    const nowMs = this.#clock.nowMs();
    const id = alertId(alert);
    if (this.#told.isRecent(id, nowMs)) return 'repeated';
    if (!this.#told.has(id) && this.#told.isFull(alert, nowMs)) {
      this.#onTrouble(tooMany(alert));
      return 'repeated';
    }
    const raised = raisedAlert(alert, nowMs);
    for (const queue of this.#queues) await queue.add(raised);
    this.#told.add(id, alert, nowMs);
    await this.#keepTold();
    return 'queued';
  }

  /** Behind the alerts and their ends: after a crash in between one is told twice, and none is lost. */
  #keepTold(): Promise<void> {
    return this.#told
      .keep()
      .catch((cause: Error) => this.#onTrouble(new TlogError('not_writable', cause.message, { cause })));
  }

  /** How each sink stands. */
  get status(): readonly SinkStatus[] {
    return this.#queues.map(({ status }) => status);
  }

  /** Resolves once every sink has taken all, or after `ms`: for a process that is about to end. */
  async drained(ms: number): Promise<void> {
    await this.#turn;
    await Promise.all(this.#queues.map((queue) => queue.drained(ms)));
  }

  /** What was not delivered is sent by the next process. */
  async close(): Promise<void> {
    await this.#turn;
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Only within a folder that is there: a mistyped data directory must not come to be. @throws TlogError no_data */
async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') return;
    throw new TlogError('no_data', `cannot make the outbox ${path}: ${cause.message}`, { cause });
  });
}

function tooMany({ kind, log, message }: Alert): TlogError {
  const why = `${CAUSES_MAX} alerts of kind ${kind} of ${log} were raised within a day`;
  return new TlogError('alert_given_up', `not sent: ${message}: ${why}`);
}
