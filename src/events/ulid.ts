const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
/** Random bytes of one id. */
export const ULID_RANDOM_BYTES = 16;

/** An id that sorts by time: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32 (github.com/ulid/spec). */
export function ulid(nowMs: number, random: Uint8Array): string {
  let time = '';
  for (let [i, left] = [0, nowMs]; i < TIME_DIGITS; i += 1, left = Math.floor(left / 32))
    time = DIGITS.charAt(left % 32) + time;
  // Five bits of each byte: the other three are thrown away.
  return (
    time + Array.from(random.subarray(0, ULID_RANDOM_BYTES), (byte) => DIGITS.charAt(byte % 32)).join('')
  );
}
