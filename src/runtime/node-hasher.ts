import { createHash } from 'node:crypto';
import { createTreeHasher, type TreeHasher } from '../core/merkle/hasher.ts';

/** The tree hasher on node:crypto; equal to portableHasher. */
export const nodeHasher: TreeHasher = createTreeHasher((bytes) =>
  Uint8Array.from(createHash('sha256').update(bytes).digest()),
);
