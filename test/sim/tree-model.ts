import { createHash } from 'node:crypto';

/** A tree of leaf hashes, by code of its own: what every published head is compared with. RFC 6962 2.1. */
export class TreeModel {
  readonly leaves: Buffer[] = [];
  readonly #firstIndex = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #roots = new Map<number, Buffer>([[0, sha256()]]);
  /** Roots of complete subtrees, the largest first. */
  readonly #stack: Buffer[] = [];

  get size(): number {
    return this.leaves.length;
  }

  push(leaf: Buffer): void {
    const name = leaf.toString('latin1');
    if (!this.#firstIndex.has(name)) this.#firstIndex.set(name, this.size);
    this.#counts.set(name, this.count(leaf) + 1);
    let hash = leaf;
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2)
      hash = nodeHash(this.#stack.pop() as Buffer, hash);
    this.#stack.push(hash);
    this.leaves.push(leaf);
  }

  /** Index of the first leaf with this hash. */
  firstIndex(leaf: Uint8Array): number | undefined {
    return this.#firstIndex.get(Buffer.from(leaf).toString('latin1'));
  }

  count(leaf: Uint8Array): number {
    return this.#counts.get(Buffer.from(leaf).toString('latin1')) ?? 0;
  }

  /** Root hash of the present tree; remembered for later questions. */
  root(): Buffer {
    const known = this.#roots.get(this.size);
    if (known !== undefined) return known;
    const root = this.#stack.reduceRight((right, left) => nodeHash(left, right));
    this.#roots.set(this.size, root);
    return root;
  }

  /** Root hash of an earlier size. */
  rootAt(size: number): Buffer {
    const known = this.#roots.get(size);
    if (known !== undefined) return known;
    const root = rootOf(this.leaves.slice(0, size));
    this.#roots.set(size, root);
    return root;
  }

  clone(): TreeModel {
    const copy = new TreeModel();
    for (const leaf of this.leaves) copy.push(leaf);
    copy.root();
    return copy;
  }
}

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const NODE = Uint8Array.of(1);
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(NODE, left, right);
}

function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}
