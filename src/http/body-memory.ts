import { TlogError } from '../core/error.ts';

/** Most that a server holds of bodies that are not whole yet, of all requests together. */
export const BODIES_BYTES_MAX: number = 64 * 1024 * 1024;
/** What a piece of a body takes beside its bytes: a body may come in pieces of one byte. */
export const PIECE_BYTES = 512;
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

  /** Counts a piece in. @returns what to release @throws TlogError server_busy, and the piece is not counted */
  hold(piece: Uint8Array): number {
    const bytes = piece.length + PIECE_BYTES;
    this.check(bytes);
    this.#held += bytes;
    return bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
