import { hash } from 'node:crypto';
import { createTreeHasher, type TreeHasher } from '../core/merkle/hasher.ts';

/** The tree hasher on node:crypto's one-shot hash, twice as fast as portableHasher and equal to it. */
export const nodeHasher: TreeHasher = createTreeHasher((bytes) => hash('sha256', bytes, 'buffer'));
