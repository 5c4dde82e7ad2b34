import type { Random } from '../runtime/random.ts';

const POOL_BYTES = 16_384;

/** Random bytes from a pool that is filled in one go: a call for twelve of them costs as much as one for thousands. */
export function pooled(random: Random): Random {
  let pool: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (byteLength) => {
    if (byteLength > POOL_BYTES) return random(byteLength);
    if (at + byteLength > pool.length) {
      pool = random(POOL_BYTES);
      at = 0;
    }
    at += byteLength;
    return pool.slice(at - byteLength, at);
  };
}
