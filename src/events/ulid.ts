import type { Random } from '../runtime/random.ts';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
/** Random bytes of one id. */
const RANDOM_BYTES = 16;

/** An id that sorts by time: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32 (github.com/ulid/spec). */
export function ulid(nowMs: number, random: Uint8Array): string {
  let time = '';
  for (let [i, left] = [0, nowMs]; i < TIME_DIGITS; i += 1, left = Math.floor(left / 32))
    time = DIGITS.charAt(left % 32) + time;
  // Five bits of each byte: the other three are thrown away.
  return time + Array.from(random.subarray(0, RANDOM_BYTES), (byte) => DIGITS.charAt(byte % 32)).join('');
}

/** Makes ids that no other event has. */
export function freshIds(nowMs: () => number, random: Random): () => string {
  return () => ulid(nowMs(), random(RANDOM_BYTES));
}
