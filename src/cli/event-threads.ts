import { SEALING_MODULE, type SealingThread } from '../events/sealer-beside.ts';
import { type EventReading, READING_MODULE, type ReadingThread, readBeside } from '../http/event-reading.ts';
import { Thread } from '../runtime/thread.ts';

/** The threads of a server, each started by the first events that are worth it. */
export class EventThreads implements AsyncDisposable {
  readonly sealing: SealingThread = new Thread(SEALING_MODULE);
  readonly #reader: ReadingThread = new Thread(READING_MODULE);
  readonly reading: EventReading = readBeside(this.#reader);

  /** Resolves with the error that ended one of them, or `others` with theirs: the process must end then. */
  failedOr<Failure>(others: Promise<Failure>): Promise<Failure | Awaited<SealingThread['failed']>> {
    return Promise.race([this.sealing.failed, this.#reader.failed, others]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.sealing.close(), this.#reader.close()]);
  }
}
