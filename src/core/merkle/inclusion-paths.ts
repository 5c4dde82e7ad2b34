import type { LeafIndex, TreeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import type { NodeId } from './node.ts';

/** Hash of a complete subtree if it is at hand, else undefined. */
export type NodeAtHand = (node: NodeId) => Hash | undefined;

/** Most paths that are remembered, so that memory does not grow with the tree: some 10 MiB. */
const REMEMBERED_MAX = 65_536;

/**
 * Inclusion proofs of one tree as text, its hashes formatted and joined by commas. The proof of a node is its
 * sibling and then the proof of its parent, so neighbours share most of their text: a proof of one of many
 * neighbouring leaves costs about two hashes to format instead of log2 size.
 * @see RFC 9162 2.1.3
 */
export class InclusionPaths {
  readonly #hasher: TreeHasher;
  readonly #size: TreeSize;
  readonly #node: NodeAtHand;
  readonly #format: (hash: Hash) => string;
  /** Per level, the paths of its nodes by index. */
  readonly #known: Map<number, string>[] = [];
  /** Per level, the hash of its one incomplete subtree. */
  readonly #incomplete: (Hash | undefined)[] = [];
  #remembered = 0;

  constructor(hasher: TreeHasher, size: TreeSize, node: NodeAtHand, format: (hash: Hash) => string) {
    this.#hasher = hasher;
    this.#size = size;
    this.#node = node;
    this.#format = format;
  }

  /** The proof of a leaf, its sibling first; undefined when a hash is not at hand. @throws RangeError if index >= size */
  of(index: LeafIndex): string | undefined {
    if (index >= this.#size) throw new RangeError(`leaf ${index} is not in a tree of size ${this.#size}`);
    return this.#path(0, index, 1);
  }

  /** `span` is 2^level. */
  #path(level: number, index: number, span: number): string | undefined {
    if (span >= this.#size) return '';
    if (level === 0) return this.#siblingThenParent(level, index, span);
    const known = this.#known[level]?.get(index);
    if (known !== undefined) return known;
    const made = this.#siblingThenParent(level, index, span);
    if (made !== undefined) this.#remember(level, index, made);
    return made;
  }

  #remember(level: number, index: number, path: string): void {
    if (this.#remembered >= REMEMBERED_MAX) return;
    this.#remembered += 1;
    this.#known[level] ??= new Map();
    this.#known[level].set(index, path);
  }

  #siblingThenParent(level: number, index: number, span: number): string | undefined {
    const isLeft = index % 2 === 0;
    const sibling = isLeft ? index + 1 : index - 1;
    const parent = this.#path(level + 1, isLeft ? index / 2 : sibling / 2, span * 2);
    // The last node of a level without a right sibling moves up unchanged.
    if (parent === undefined || sibling * span >= this.#size) return parent;
    const hash = this.#hash(level, sibling, span);
    if (hash === undefined) return undefined;
    return parent === '' ? this.#format(hash) : `${this.#format(hash)},${parent}`;
  }

  #hash(level: number, index: number, span: number): Hash | undefined {
    if ((index + 1) * span <= this.#size) return this.#node({ level, index });
    const hash = this.#incomplete[level] ?? this.#incompleteHash(level, index, span);
    this.#incomplete[level] = hash;
    return hash;
  }

  #incompleteHash(level: number, index: number, span: number): Hash | undefined {
    const left = this.#hash(level - 1, 2 * index, span / 2);
    if ((2 * index + 1) * (span / 2) >= this.#size) return left;
    const right = this.#hash(level - 1, 2 * index + 1, span / 2);
    return left === undefined || right === undefined ? undefined : this.#hasher.nodeHash(left, right);
  }
}
