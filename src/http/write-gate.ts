import type { ServerResponse } from 'node:http';
import { TlogError } from '../core/error.ts';
import { COMMIT_REQUESTS_MAX } from '../sequencer/pending-queue.ts';
import { problemOf } from './problem.ts';
import { Unheard } from './unheard.ts';

/** Requests to append that wait for their commit at once, in all logs: those of two commits. More would only wait longer. */
export const WAITING_MAX: number = 2 * COMMIT_REQUESTS_MAX;
/** What a refused client is told to wait. */
const RETRY_AFTER_SEC = 1;

/**
 * Counts the requests to append that have arrived and wait. While there are as many as may be, what is posted is refused
 * before anything of it is looked at: a server that routes, authorizes and reads what it then refuses has no time left
 * to answer, and who is refused late would have been better off in the queue. Nor is a connection that was refused
 * listened to before its turn comes: refusing those who do not wait as they are told would leave no time either.
 */
export class WriteGate {
  readonly #waitingMax: number;
  readonly #unheard: Unheard;
  readonly #refusal: { readonly status: number; readonly headers: readonly string[]; readonly body: string };
  #waiting = 0;
  /** A log has said no while others waited, and none of them has been answered since. */
  #shut = false;
  #refused = 0;

  /** @param unheardMs longest time that a connection which was refused is not listened to */
  constructor(waitingMax: number = WAITING_MAX, unheardMs: number = RETRY_AFTER_SEC * 1_000) {
    this.#waitingMax = waitingMax;
    this.#unheard = new Unheard(unheardMs);
    const { status, headers, body } = problemOf(busy());
    const length = ['Content-Length', `${Buffer.byteLength(body)}`];
    this.#refusal = { status, headers: [...Object.entries(headers).flat(), ...length], body };
  }

  get isFull(): boolean {
    return this.#waiting >= this.#waitingMax || this.#shut;
  }
  /** Requests that were refused unseen. */
  get refused(): number {
    return this.#refused;
  }

  /** Answers a request that was not looked at. Its connection is read again a second later, or when fewer than half as many wait as may. */
  refuse(outgoing: ServerResponse): void {
    this.#refused += 1;
    const { status, headers, body } = this.#refusal;
    outgoing.writeHead(status, [...headers]);
    outgoing.end(body);
    this.#unheard.add(outgoing);
  }

  /** A log takes no more for now: what comes before the next answer is refused unseen. With nobody waiting none would come. */
  shut(): void {
    this.#shut = this.#waiting > 0;
  }

  /** Waits with one more request for what it does. @throws TlogError server_busy, and nothing is done */
  async pass<T>(append: () => Promise<T>): Promise<T> {
    if (this.isFull) throw busy();
    this.#waiting += 1;
    try {
      return await append();
    } finally {
      this.#waiting -= 1;
      this.#shut = false;
      // With more than that there is work for the next commit, and who is heard would only be refused again.
      if (2 * this.#waiting < this.#waitingMax) this.#unheard.hearNext();
    }
  }
}

function busy(): TlogError {
  const message = `the server has too much to do; nothing was done, try again in ${RETRY_AFTER_SEC} s`;
  return new TlogError('server_busy', message, { details: { retryAfterSec: RETRY_AFTER_SEC } });
}
