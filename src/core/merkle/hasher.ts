import { sha256 } from '@noble/hashes/sha2.js';

/** A SHA-256 digest: 32 bytes. */
export type Hash = Uint8Array;

/** Length of every hash in the tree. */
export const HASH_BYTES = 32;

/** SHA-256 of the bytes, as fresh memory. Must not keep the argument: it is a scratch buffer. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** The three hashes a tree is made of (RFC 6962 2.1). Results are fresh memory; nothing given is kept. */
export interface TreeHasher {
  /** Root hash of the tree of size 0: SHA-256 of nothing, without a prefix. Shared memory: do not write to it. */
  readonly emptyRoot: Hash;
  /** SHA-256(0x00 || entry). */
  leafHash(entry: Uint8Array): Hash;
  /** SHA-256(0x01 || left || right). @throws RangeError unless both have 32 bytes */
  nodeHash(left: Hash, right: Hash): Hash;
}

/** The longest entry of a bundle: memory for one is made once, which would take longer than its hash. */
const LEAF_SCRATCH_BYTES = 1 + 65_535;

/** A tree hasher over any synchronous SHA-256. */
export function createTreeHasher(sha256: Sha256): TreeHasher {
  // One scratch buffer each: all is synchronous, so no two calls can meet in it. Byte 0 of the first stays 0x00.
  const leafScratch = new Uint8Array(LEAF_SCRATCH_BYTES);
  const nodeScratch = new Uint8Array(1 + 2 * HASH_BYTES);
  nodeScratch[0] = 0x01;
  return {
    emptyRoot: sha256(new Uint8Array(0)),
    leafHash(entry) {
      const length = entry.length + 1;
      const bytes = length <= LEAF_SCRATCH_BYTES ? leafScratch.subarray(0, length) : new Uint8Array(length);
      bytes.set(entry, 1);
      return sha256(bytes);
    },
    nodeHash(left, right) {
      if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
        throw new RangeError(
          `node hash of ${left.length} and ${right.length} bytes, both must have ${HASH_BYTES}`,
        );
      }
      nodeScratch.set(left, 1);
      nodeScratch.set(right, 1 + HASH_BYTES);
      return sha256(nodeScratch);
    },
  };
}

/** Runs everywhere, browsers included. Servers use the one over node:crypto, which is several times faster. */
export const portableHasher: TreeHasher = createTreeHasher((bytes) => sha256(bytes));
