import { randomBytes } from 'node:crypto';

/** Bytes of an entry in every row: about one audit event. */
export const ENTRY_BYTES = 300;
/** Most entries that one request takes. */
export const BATCH_ENTRIES_MAX = 4_096;

/** Random bytes made at a time; a multiple of 3, so that base64 adds no padding. */
const BLOCK_RANDOM_BYTES = 225 * 1024;
const LF = 10;

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Entries of random base64url letters: they never repeat, LevelDB cannot compress them, and no line break is among
 * them. Making one costs about a microsecond, so that the load generator stays faster than what it measures.
 */
export class EntrySource {
  #block: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #at = 0;

  /** One new entry; it shares memory with its neighbours. */
  entry(): Buffer<ArrayBuffer> {
    if (this.#at + ENTRY_BYTES > this.#block.length) this.#refill();
    const start = this.#at;
    this.#at += ENTRY_BYTES;
    return this.#block.subarray(start, this.#at);
  }

  /** New entries, a line each. */
  lines(count: number): Buffer<ArrayBuffer> {
    return this.#framed(count, 1, (body, at) => {
      body[at + ENTRY_BYTES] = LF;
      return at;
    });
  }

  /** New entries in bundle form: a u16 length before each. */
  bundle(count: number): Buffer<ArrayBuffer> {
    return this.#framed(count, 2, (body, at) => body.writeUInt16BE(ENTRY_BYTES, at));
  }

  /** New entries back to back. */
  plain(count: number): Buffer<ArrayBuffer> {
    return this.#framed(count, 0, (_, at) => at);
  }

  #framed(count: number, extra: number, frame: (body: Buffer, at: number) => number): Buffer<ArrayBuffer> {
    const body = Buffer.allocUnsafe(count * (ENTRY_BYTES + extra));
    for (let i = 0; i < count; i += 1) this.entry().copy(body, frame(body, i * (ENTRY_BYTES + extra)));
    return body;
  }

  #refill(): void {
    this.#block = Buffer.from(randomBytes(BLOCK_RANDOM_BYTES).toString('base64url'), 'latin1');
    this.#at = 0;
  }
}
