import { hash } from 'node:crypto';
import { createTreeHasher, type TreeHasher } from '../core/merkle/hasher.ts';

/** Tree hashing by node:crypto, more than twice as fast as the portable one and equal to it. */
export const nodeHasher: TreeHasher = createTreeHasher((bytes) => hash('sha256', bytes, 'buffer'));
