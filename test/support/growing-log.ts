import { consistencyPlan } from '../../src/core/merkle/consistency.ts';
import { type Hash, portableHasher } from '../../src/core/merkle/hasher.ts';
import { assembleProof } from '../../src/core/merkle/proof-plan.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { formatCheckpoint } from '../../src/core/note/checkpoint.ts';
import { formatNote } from '../../src/core/note/signed-note.ts';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import { treeSize } from '../../src/core/units.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createSigner } from '../../src/keys/signer.ts';

/** Keys of tests; the same for one name and number each time. */
export function testSigner(name: string, number = 1): NoteSigner {
  return createSigner(generateSigningKey((length) => new Uint8Array(length).fill(number), name).skey);
}

/** The leaf that stands at an index, in one of many histories. */
export function leafOf(index: number, history = 0): Hash {
  return portableHasher.leafHash(new TextEncoder().encode(`${index}/${history}`));
}

/** A log of leaf hashes that signs whatever it is told to. */
export class GrowingLog {
  readonly signer: NoteSigner;
  readonly leaves: readonly Hash[];
  readonly #roots = new Map<string, Hash>();

  constructor(signer: NoteSigner, leaves: readonly Hash[]) {
    this.signer = signer;
    this.leaves = leaves;
  }

  /** A log of `size` leaves, those from `from` on being of another history. */
  static of(
    signer: NoteSigner,
    size: number,
    { from = size, history = 1 }: { from?: number; history?: number } = {},
  ): GrowingLog {
    return new GrowingLog(
      signer,
      Array.from({ length: size }, (_, i) => leafOf(i, i < from ? 0 : history)),
    );
  }

  get origin(): string {
    return this.signer.name;
  }

  /** MTH of RFC 6962 2.1. */
  root(end: number, start = 0): Hash {
    if (start === end) return portableHasher.emptyRoot;
    if (end - start === 1) return this.leaves[start] as Hash;
    const name = `${start}/${end}`;
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    const split = 2 ** Math.ceil(Math.log2(end - start) - 1);
    const made = portableHasher.nodeHash(this.root(start + split, start), this.root(end, start + split));
    this.#roots.set(name, made);
    return made;
  }

  proof(from: number, to: number): Hash[] {
    const plan = consistencyPlan(treeSize(from), treeSize(to));
    const nodes = plan.nodes.map(({ level, index }) =>
      this.root((index + 1) * 2 ** level, index * 2 ** level),
    );
    return assembleProof(portableHasher, plan, nodes);
  }

  /** The signed checkpoint of a size; with another root on demand. */
  async note(size: number, rootHash: Hash = this.root(size)): Promise<string> {
    const { name, keyId } = this.signer;
    const text = formatCheckpoint({ origin: name, size: treeSize(size), rootHash, extensions: [] });
    return formatNote(text, [
      { name, keyId, signature: await this.signer.sign(new TextEncoder().encode(text)) },
    ]);
  }

  /** The body that asks a witness to go on from one size to another. */
  async request(from: number, to: number): Promise<string> {
    return formatAddCheckpoint({
      oldSize: treeSize(from),
      proof: this.proof(from, to),
      note: await this.note(to),
    });
  }
}
