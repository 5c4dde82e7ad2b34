import { createHash, hash } from 'node:crypto';
import { ENTRY_BYTES } from '../harness/entries.ts';

/** A huge entry: near the most that one may have. */
export const HUGE_BYTES = 64_000;
/** Every so many entries one is huge. */
export const HUGE_EVERY = 10;

const BLOCK_BYTES = 8 * 1024 * 1024;
/** Far enough apart that LevelDB finds no repeat to compress. */
const STEP = 4_099 * 257;
const NUMBER_DIGITS = 12;
const LEAF_PREFIX = Buffer.of(0);

/**
 * Entries that are a function of their number, so that what a server acknowledged is checked after the load: hashing
 * during it would make the load generator what is measured.
 */
export class NumberedEntries {
  readonly #block: Buffer;

  constructor(seed: string) {
    const blocks: Buffer[] = [];
    for (let i = 0; i < BLOCK_BYTES / 64; i += 1)
      blocks.push(createHash('sha512').update(`${seed}/${i}`).digest());
    this.#block = Buffer.concat(blocks);
  }

  /** Bytes of an entry. */
  length(number: number): number {
    return number % HUGE_EVERY === HUGE_EVERY - 1 ? HUGE_BYTES : ENTRY_BYTES;
  }

  /** The entry's first bytes as text, and the rest as a view: no memory is made for an entry. */
  parts(number: number): readonly [string, Buffer] {
    const first = String(number).padStart(NUMBER_DIGITS, '0');
    const rest = this.length(number) - NUMBER_DIGITS;
    const start = (number * STEP) % (BLOCK_BYTES - HUGE_BYTES);
    return [first, this.#block.subarray(start, start + rest)];
  }

  /** The leaf hash of an entry, in base64. */
  leafHash(number: number): string {
    const [first, rest] = this.parts(number);
    return hash('sha256', Buffer.concat([LEAF_PREFIX, Buffer.from(first), rest]), 'base64');
  }
}
