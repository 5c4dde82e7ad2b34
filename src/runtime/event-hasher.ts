import { createHash } from 'node:crypto';
import type { EventHasher } from '../core/event/commitment.ts';
import { digestOf, nodeHasher, sha256 } from './node-hasher.ts';

/** The event hasher on node:crypto, equal to portableEventHasher and several times as fast. */
export const nodeEventHasher: EventHasher = {
  ...nodeHasher,
  sha256,
  shake256: (bytes, outputLength) =>
    digestOf(createHash('shake256', { outputLength }).update(bytes).digest('binary')),
};
