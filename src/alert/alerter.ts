import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { type Alert, alertId, raisedAlert } from './alert.ts';
import { OutboxFolder } from './outbox-folder.ts';
import type { Sink } from './sink.ts';
import { SinkQueue, type SinkStatus } from './sink-queue.ts';

/** What is still so is told again after a day. */
const REPEAT_MS = 86_400_000;
/** Names of alerts that are remembered; beyond it the oldest may be told again. */
const SEEN_MAX = 10_000;

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
  readonly #seenFile: string;
  readonly #onTrouble: (error: TlogError) => void;
  readonly #queues: readonly SinkQueue[];
  /** Names with the time they were told, oldest first. Changed by #raise alone. */
  readonly #seen: Map<string, number>;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: AlerterOptions, queues: readonly SinkQueue[], seen: Map<string, number>) {
    this.#clock = options.clock ?? systemClock;
    this.#seenFile = seenFile(options.folder);
    this.#onTrouble = options.onTrouble ?? (() => undefined);
    this.#queues = queues;
    this.#seen = seen;
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
    const seen = await readSeen(seenFile(folder));
    // A crash may have come between an alert and its name.
    for (const id of queues.flatMap(({ ids }) => ids)) if (!seen.has(id)) seen.set(id, clock.nowMs());
    return new Alerter(options, queues, seen);
  }

  /**
   * Resolves once the alert is durable for every sink; what was told within a day is `repeated` and not told again. Never
   * rejects and waits for no sink.
   */
  raise(alert: Alert): Promise<'queued' | 'repeated'> {
    const turn = this.#turn.then(() => this.#raise(alert));
    this.#turn = turn;
    return turn;
  }

  async #raise(alert: Alert): Promise<'queued' | 'repeated'> {
    const nowMs = this.#clock.nowMs();
    const id = alertId(alert);
    const toldMs = this.#seen.get(id);
    // A clock that went back must not silence anything.
    if (toldMs !== undefined && nowMs >= toldMs && nowMs - toldMs < REPEAT_MS) return 'repeated';
    const raised = raisedAlert(alert, nowMs);
    for (const queue of this.#queues) await queue.add(raised);
    this.#seen.delete(id);
    this.#seen.set(id, nowMs);
    await this.#keepSeen();
    return 'queued';
  }

  /** Behind the alerts: after a crash in between one is told twice, and none is lost. */
  async #keepSeen(): Promise<void> {
    for (const id of this.#seen.keys()) {
      if (this.#seen.size <= SEEN_MAX) break;
      this.#seen.delete(id);
    }
    await writeFileDurably(this.#seenFile, `${JSON.stringify(Object.fromEntries(this.#seen))}\n`).catch(
      (cause: Error) => this.#onTrouble(new TlogError('not_writable', cause.message, { cause })),
    );
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

function seenFile(folder: string): string {
  return join(folder, 'told.json');
}

/** None where there is no such file, or none that can be read: then something is told once more. */
async function readSeen(path: string): Promise<Map<string, number>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    const pairs = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(pairs.filter((pair): pair is [string, number] => typeof pair[1] === 'number'));
  } catch {
    return new Map(); // SyntaxError
  }
}
