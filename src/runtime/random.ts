import { randomBytes } from 'node:crypto';

/** So many unpredictable bytes, in fresh memory. */
export type Random = (byteLength: number) => Uint8Array;

/** The operating system's generator. */
export const systemRandom: Random = (byteLength) => Uint8Array.from(randomBytes(byteLength));
