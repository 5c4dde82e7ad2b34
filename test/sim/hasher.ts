import type { TreeHasher } from '../../src/core/merkle/hasher.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';

const TWIN = Buffer.from('twin ');
/** Bytes that the leaf hashes of twins share: more than the index of leaf hashes keeps. */
const SHARED_BYTES = 20;
const SHARED = 7;

/** An entry whose leaf hash begins like that of every other twin, which nobody could find for SHA-256. */
export function twinEntry(text: string): Buffer {
  return Buffer.concat([TWIN, Buffer.from(text)]);
}

/** The leaf hash in this world: SHA-256, but twins share their first bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const hash = nodeHasher.leafHash(entry);
  if (TWIN.equals(entry.subarray(0, TWIN.length))) hash.fill(SHARED, 0, SHARED_BYTES);
  return hash;
}

/** Whether a leaf hash is that of a twin. */
export function isTwin(hash: Uint8Array): boolean {
  return hash.subarray(0, SHARED_BYTES).every((byte) => byte === SHARED);
}

/** The hasher of one process, in whose memory bits may turn. */
export function hasherOf(process: Process, fault: 'hash-flip' | 'scrub-hash-flip' = 'hash-flip'): TreeHasher {
  return {
    emptyRoot: nodeHasher.emptyRoot,
    leafHash,
    nodeHash: (left, right) => {
      const hash = nodeHasher.nodeHash(left, right);
      // Any bit: two that turn alike, in both of the ways to a root, nobody can notice.
      if (process.takes(fault)) flip(hash, process.machine.latency);
      return hash;
    },
  };
}

function flip(hash: Uint8Array, random: Random): void {
  const at = random.below(hash.length);
  hash[at] = (hash[at] ?? 0) ^ (2 ** random.below(8));
}
