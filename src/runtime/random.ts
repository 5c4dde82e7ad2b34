import { randomBytes } from 'node:crypto';

/** Unpredictable bytes. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** The machine's random numbers. */
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
