import { postRightEvents } from '../client/event-submissions.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { TlogError } from '../core/error.ts';
import type { LeafIndex } from '../core/units.ts';
import type { Spool, SpooledBatch } from './spool.ts';

const WAIT_MIN_MS = 200;
const WAIT_MAX_MS = 30_000;
/** The same while somebody waits for the last event to be sent. */
const HURRIED_MAX_MS = 500;

/** Where an event is in the log. */
export interface LoggedEvent {
  readonly index: LeafIndex;
  /** False where an earlier try had brought it there. */
  readonly isNew: boolean;
}

export interface SenderDeps {
  readonly spool: Spool;
  readonly calls: LogCalls;
  /** Is told what became of each event, by the line that was spooled. */
  onSettled(line: string, outcome: LoggedEvent | TlogError): void;
  /** Is told why nothing can be sent for now. */
  onTrouble(error: TlogError): void;
}

/** Sends what waits in a spool, in order and one batch at a time, for as long as it takes. */
export class Sender {
  readonly #deps: SenderDeps;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  /** Whether lines have come since the spool was last asked. */
  #isWoken = false;
  /** Ends the wait for lines. */
  #wake: () => void = () => undefined;
  /** Ends the wait for the next try. */
  #hurry: () => void = () => undefined;
  readonly #idle = new Set<() => void>();

  constructor(deps: SenderDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** Says that lines have come. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Resolves once nothing waits, or after `timeoutMs`; tries at once, and again soon until then. */
  async drained(timeoutMs: number): Promise<void> {
    if (this.#deps.spool.waiting === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#idle.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#idle.add(done);
      this.#hurry();
    });
  }

  /** Ends the try under way; what it was about stays in the spool. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#wake();
    this.#hurry();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#ending.signal.aborted; ) {
      try {
        this.#isWoken = false;
        const batch = await this.#deps.spool.next();
        if (batch === undefined) await this.#waitForLines();
        else await this.#send(batch);
        failures = 0;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#deps.onTrouble(asTrouble(error));
        failures += 1;
        await this.#pause(failures);
      }
    }
  }

  async #send(batch: SpooledBatch): Promise<void> {
    const { spool, calls, onSettled } = this.#deps;
    const events = batch.lines.map((json) => ({ json }));
    const { taken, refused } = await postRightEvents(calls, events, { signal: this.#ending.signal });
    for (const { event, error } of refused) await spool.reject(event.json, error);
    try {
      spool.done(batch);
    } finally {
      for (const { event, index, isNew } of taken) onSettled(event.json, { index, isNew });
      for (const { event, error } of refused) onSettled(event.json, error);
    }
  }

  async #waitForLines(): Promise<void> {
    if (this.#isWoken) return;
    for (const done of [...this.#idle]) done();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#ending.signal.aborted) resolve();
    });
  }

  /** A process that has nothing else to do is not held up by it. */
  async #pause(failures: number): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const ms = waitMs(failures, this.#idle.size === 0 ? WAIT_MAX_MS : HURRIED_MAX_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A random part of a doubling step: many programs wait for one server. */
function waitMs(failures: number, stepMaxMs: number): number {
  const stepMs = Math.min(stepMaxMs, WAIT_MIN_MS * 2 ** Math.min(failures, 10));
  return stepMs * (0.5 + Math.random() / 2);
}

/** What is not the world's doing is ours: it is told as it is, and the spool keeps what waits. */
function asTrouble(error: unknown): TlogError {
  if (error instanceof TlogError) return error;
  return new TlogError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}
