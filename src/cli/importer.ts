import { postRightEvents } from '../client/event-submissions.ts';
import type { LogCalls } from '../client/log-calls.ts';
import type { TlogError } from '../core/error.ts';
import type { CutRecord } from '../import/record-cutter.ts';
import type { EventBatch, ImportedEvent } from './event-batches.ts';

/** What came of an input. */
export interface ImportCounts {
  /** Events that the log had not yet. */
  new: number;
  /** Events that it had: the input was imported before, as far as they go. */
  known: number;
  refused: number;
}

/** Keeps what was refused. */
export type OnRefused = (record: CutRecord, error: TlogError) => Promise<void>;

/** Sends batches in order, one at a time. */
export class Importer {
  readonly counts: ImportCounts = { new: 0, known: 0, refused: 0 };
  readonly #calls: LogCalls;
  readonly #onRefused: OnRefused;

  constructor(calls: LogCalls, onRefused: OnRefused) {
    this.#calls = calls;
    this.#onRefused = onRefused;
  }

  /** Records that are dealt with. */
  get done(): number {
    const { new: fresh, known, refused } = this.counts;
    return fresh + known + refused;
  }

  /** Notes that no event was made of a record, or that the log does not take it. */
  refuse(record: CutRecord, error: TlogError): Promise<void> {
    this.counts.refused += 1;
    return this.#onRefused(record, error);
  }

  /** Sends all batches, making the next one while the last is on its way; `onSent` is told after each. @throws TlogError of LogCalls.ask */
  async run(batches: AsyncIterable<EventBatch>, onSent: () => void): Promise<void> {
    let sending: Promise<void> = Promise.resolve();
    try {
      for await (const { events, key } of batches) {
        await sending;
        sending = this.#send(events, key).then(onSent);
        // Awaited in the next turn, or below; until then nobody listens.
        sending.catch(() => undefined);
      }
    } finally {
      await sending;
    }
  }

  async #send(events: readonly ImportedEvent[], idempotencyKey: string): Promise<void> {
    const { taken, refused } = await postRightEvents(this.#calls, events, { idempotencyKey });
    const fresh = taken.filter(({ isNew }) => isNew).length;
    this.counts.new += fresh;
    this.counts.known += taken.length - fresh;
    for (const { event, error } of refused) await this.refuse(event.record, error);
  }
}
