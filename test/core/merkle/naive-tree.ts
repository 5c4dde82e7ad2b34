import { readFileSync } from 'node:fs';
import { type Hash, portableHasher, type TreeHasher } from '../../../src/core/merkle/hasher.ts';
import type { NodeId } from '../../../src/core/merkle/node.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../../../src/core/units.ts';
import { isBrief } from '../scale.ts';

/** The entries of every vector: entry i is the ASCII decimal of i. */
export function entryOf(index: number): Uint8Array {
  return new TextEncoder().encode(String(index));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** A file of spec/vectors. */
export function readVectors<T>(name: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../../spec/vectors/${name}.json`, import.meta.url), 'utf8'),
  ) as T;
}

/** RFC 6962 2.1 word for word, over bigints, so that it shares no arithmetic with the code under test. */
export function naiveSplit(count: bigint): bigint {
  let k = 1n;
  while (k << 1n < count) k <<= 1n;
  return k;
}

/** The definitions of RFC 6962 as recursions, with a memory of range hashes. */
export class NaiveTree {
  readonly #leafHashes: readonly Hash[];
  readonly #memo = new Map<string, Hash>();

  /** Of so many entries of the vectors, or of leaf hashes, to which more may be added later. */
  constructor(leaves: number | readonly Hash[]) {
    this.#leafHashes =
      typeof leaves === 'number'
        ? Array.from({ length: leaves }, (_, i) => portableHasher.leafHash(entryOf(i)))
        : leaves;
  }

  leafHashes(size: number): readonly Hash[] {
    return this.#leafHashes.slice(0, size);
  }

  /** MTH(D[start:end]) */
  hash(start: number, end: number): Hash {
    if (start === end) return portableHasher.emptyRoot;
    if (end - start === 1) return this.#leafHashes[start] as Hash;
    const key = `${start},${end}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const k = start + Number(naiveSplit(BigInt(end - start)));
    const made = portableHasher.nodeHash(this.hash(start, k), this.hash(k, end));
    this.#memo.set(key, made);
    return made;
  }

  /** PATH(index, D[start:end]) */
  path(index: number, start: number, end: number): Hash[] {
    if (end - start === 1) return [];
    const k = start + Number(naiveSplit(BigInt(end - start)));
    if (index < k) return [...this.path(index, start, k), this.hash(k, end)];
    return [...this.path(index, k, end), this.hash(start, k)];
  }

  /** SUBPROOF(oldSize, D[start:end], whole); `oldSize` counted from leaf 0. */
  subproof(oldSize: number, start: number, end: number, whole: boolean): Hash[] {
    if (oldSize === end) return whole ? [] : [this.hash(start, end)];
    const k = start + Number(naiveSplit(BigInt(end - start)));
    if (oldSize <= k) return [...this.subproof(oldSize, start, k, whole), this.hash(k, end)];
    return [...this.subproof(oldSize, k, end, false), this.hash(start, k)];
  }

  /** Nodes of a multi-proof, by the recursion of the specification. */
  multi(wanted: ReadonlySet<number>, start: number, end: number): Hash[] {
    if (![...wanted].some((index) => index >= start && index < end)) return [this.hash(start, end)];
    if (end - start === 1) return [];
    const k = start + Number(naiveSplit(BigInt(end - start)));
    return [...this.multi(wanted, start, k), ...this.multi(wanted, k, end)];
  }

  read(nodes: readonly NodeId[]): Hash[] {
    return nodes.map(({ level, index }) => this.hash(index * 2 ** level, (index + 1) * 2 ** level));
  }
}

/**
 * "Hashes" that spell out which leaves they cover, for trees far too large to build. Joining two that are not the
 * halves of one subtree throws, so a proof that folds at all folds rightly.
 */
export function rangeHash(start: bigint, end: bigint): Hash {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, start);
  view.setBigUint64(8, end);
  return bytes;
}

export const rangeHasher: TreeHasher = {
  emptyRoot: rangeHash(0n, 0n),
  leafHash: () => {
    throw new Error('no entries here');
  },
  nodeHash(left, right) {
    const [start, middle] = rangeOf(left);
    const [from, end] = rangeOf(right);
    if (middle !== from || naiveSplit(end - start) !== middle - start) {
      throw new Error(`[${start}, ${middle}) and [${from}, ${end}) are no halves of a subtree`);
    }
    return rangeHash(start, end);
  },
};

export function readRanges(nodes: readonly NodeId[]): Hash[] {
  return nodes.map(({ level, index }) => {
    const span = 1n << BigInt(level);
    return rangeHash(BigInt(index) * span, (BigInt(index) + 1n) * span);
  });
}

/** 0, 1, the largest size, and every 2^k (in brief some) with its neighbours. */
export const LARGE_SIZES: readonly TreeSize[] = [
  ...new Set([
    ...Array.from({ length: 53 }, (_, k) => k)
      .filter((k) => !isBrief || [1, 2, 8, 31, 32, 52].includes(k))
      .flatMap((k) => [2 ** k - 1, 2 ** k, 2 ** k + 1]),
    2 ** 53 - 1,
    2 ** 53 - 2,
  ]),
].map(treeSize);

/** Indexes worth a look in a tree of this size. */
export function edgeIndexes(size: number): LeafIndex[] {
  const half = Math.floor(size / 2);
  const candidates = [0, 1, 2 ** 31, 2 ** 32 + 1, half - 1, half, half + 1, size - 2, size - 1];
  return [...new Set(candidates)].filter((index) => index >= 0 && index < size).map(leafIndex);
}

function rangeOf(hash: Hash): [bigint, bigint] {
  const view = new DataView(hash.buffer, hash.byteOffset);
  return [view.getBigUint64(0), view.getBigUint64(8)];
}

/** Repeatable numbers in [0, 1); the seed belongs in the test's name. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** The code of the error that `run` throws, or its class name. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
  return 'accepted';
}
