import { TlogError } from '../core/error.ts';

/** Most that a server holds of appends whose bodies are not whole yet, of all requests together. */
export const BODIES_BYTES_MAX: number = 64 * 1024 * 1024;
/** The same of the bodies of questions. */
export const ASKED_BODIES_BYTES_MAX: number = 16 * 1024 * 1024;
/** What a body takes beside its bytes, that of one byte too. */
export const BODY_BYTES = 512;
/** What a refused client is told to wait. */
const RETRY_AFTER_SEC = 1;

/** Counts what is held of bodies that are on their way: clients that are slow to send must not fill the memory. */
export class BodyMemory {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number = BODIES_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get held(): number {
    return this.#held;
  }

  /** @throws TlogError server_busy when so many more bytes would be too many */
  check(bytes: number): void {
    if (this.#held + bytes <= this.#bytesMax) return;
    const message = `the server is receiving too much; nothing was done, try again in ${RETRY_AFTER_SEC} s`;
    throw new TlogError('server_busy', message, { details: { retryAfterSec: RETRY_AFTER_SEC } });
  }

  /** Counts a body of so many bytes in. @returns what to release @throws TlogError server_busy, and it is not counted */
  hold(length: number): number {
    const bytes = length + BODY_BYTES;
    this.check(bytes);
    this.#held += bytes;
    return bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
