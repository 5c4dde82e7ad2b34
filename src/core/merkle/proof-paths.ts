import type { LeafIndex, TreeSize } from '../units.ts';
import type { Hash, TreeHasher } from './hasher.ts';
import type { NodeId } from './node.ts';

/** Hash of a complete subtree if it is at hand, else undefined. */
export type NodeAtHand = (node: NodeId) => Hash | undefined;

/**
 * Most paths that are remembered, so that memory does not grow with the tree: some 10 MiB. Those of high nodes are in
 * many proofs, so all of them are, as many levels as fit; of those below only some, for proofs of neighbours.
 */
const HIGH_MAX = 65_536;
const LOW_MAX = 4_096;

/**
 * Proofs of one tree as text, their hashes formatted and joined by commas. The path of a node is its sibling and
 * then the path of its parent, so neighbours share most of their text: a proof of one of many neighbouring leaves
 * costs about two hashes to format instead of log2 size.
 * @see RFC 9162 2.1.3, 2.1.4
 */
export class ProofPaths {
  readonly #hasher: TreeHasher;
  readonly #size: TreeSize;
  readonly #format: (hash: Hash) => string;
  /** Per level, the paths of its nodes by index. */
  readonly #known: Map<number, string>[] = [];
  /** Per level, the hash of its one incomplete subtree. */
  readonly #incomplete: (Hash | undefined)[] = [];
  #lowRemembered = 0;

  constructor(hasher: TreeHasher, size: TreeSize, format: (hash: Hash) => string) {
    this.#hasher = hasher;
    this.#size = size;
    this.#format = format;
  }

  /** The inclusion proof of a leaf; undefined when a hash is not at hand. @throws RangeError if index >= size */
  inclusion(index: LeafIndex, node: NodeAtHand): string | undefined {
    if (index >= this.#size) throw new RangeError(`leaf ${index} is not in a tree of size ${this.#size}`);
    return this.#path(node, { level: 0, index }, 1);
  }

  /**
   * The consistency proof from a smaller tree; undefined when a hash is not at hand. It is the path of the last
   * complete subtree of that tree, behind its own hash unless the verifier has that as the old root.
   * @throws RangeError unless 0 < from < size
   */
  consistency(from: TreeSize, node: NodeAtHand): string | undefined {
    if (from <= 0 || from >= this.#size) throw new RangeError(`from ${from} to ${this.#size}`);
    let span = 1;
    let level = 0;
    for (; (from / span) % 2 === 0; span *= 2) level += 1;
    const at = { level, index: from / span - 1 };
    const path = this.#path(node, at, span);
    if (at.index === 0 || path === undefined) return path;
    const hash = node(at);
    return hash === undefined ? undefined : joined(this.#format(hash), path);
  }

  /** `span` is the number of leaves below `at`: 2^level. */
  #path(node: NodeAtHand, at: NodeId, span: number): string | undefined {
    if (span >= this.#size) return '';
    if (at.level === 0) return this.#siblingThenParent(node, at, span);
    const known = this.#known[at.level]?.get(at.index);
    if (known !== undefined) return known;
    const made = this.#siblingThenParent(node, at, span);
    if (made !== undefined && this.#isRemembered(span)) this.#remember(at, made);
    return made;
  }

  /** A level and all above it have about twice as many nodes as the level. */
  #isRemembered(span: number): boolean {
    if ((this.#size / span) * 2 <= HIGH_MAX) return true;
    this.#lowRemembered += 1;
    return this.#lowRemembered <= LOW_MAX;
  }

  #remember({ level, index }: NodeId, path: string): void {
    this.#known[level] ??= new Map();
    this.#known[level].set(index, path);
  }

  #siblingThenParent(node: NodeAtHand, { level, index }: NodeId, span: number): string | undefined {
    const isLeft = index % 2 === 0;
    const sibling = isLeft ? index + 1 : index - 1;
    const parent = this.#path(node, { level: level + 1, index: isLeft ? index / 2 : sibling / 2 }, span * 2);
    // The last node of a level without a right sibling moves up unchanged.
    if (parent === undefined || sibling * span >= this.#size) return parent;
    const hash = this.#hash(node, { level, index: sibling }, span);
    if (hash === undefined) return undefined;
    return joined(this.#format(hash), parent);
  }

  #hash(node: NodeAtHand, at: NodeId, span: number): Hash | undefined {
    if ((at.index + 1) * span <= this.#size) return node(at);
    const hash = this.#incomplete[at.level] ?? this.#incompleteHash(node, at, span / 2);
    this.#incomplete[at.level] = hash;
    return hash;
  }

  #incompleteHash(node: NodeAtHand, { level, index }: NodeId, half: number): Hash | undefined {
    const left = this.#hash(node, { level: level - 1, index: 2 * index }, half);
    if ((2 * index + 1) * half >= this.#size) return left;
    const right = this.#hash(node, { level: level - 1, index: 2 * index + 1 }, half);
    return left === undefined || right === undefined ? undefined : this.#hasher.nodeHash(left, right);
  }
}

function joined(first: string, rest: string): string {
  return rest === '' ? first : `${first},${rest}`;
}
