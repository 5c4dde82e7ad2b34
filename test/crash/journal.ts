import { appendFileSync, writeFileSync } from 'node:fs';

/** What a client was told: this leaf hash lies at this index. Hashes are base64. */
export interface Ack {
  readonly index: number;
  readonly leafHash: string;
}

/** Everything that a log ever told its clients, and what of it cannot be true together. */
export class Journal {
  readonly acks: Ack[] = [];
  /** Root hashes by tree size, of every signed head that anybody saw. */
  readonly heads: Map<number, string> = new Map();
  /** Leaf hashes sent under a key, which may lie in the log once at most. */
  readonly keyed: Set<string> = new Set();
  readonly conflicts: string[] = [];

  head(size: number, rootHash: string, from: string): void {
    const known = this.heads.get(size);
    if (known === undefined) this.heads.set(size, rootHash);
    else if (known !== rootHash)
      this.conflicts.push(`size ${size}: root ${known}, and ${rootHash} by ${from}`);
  }

  ack(index: number, leafHash: string): void {
    this.acks.push({ index, leafHash });
  }

  /** What was told up to now, to be gone back to. */
  copy(): Journal {
    const copied = new Journal();
    copied.#take(this);
    return copied;
  }

  /** Forgets all that came after the copy. */
  goBackTo(earlier: Journal): void {
    this.acks.length = 0;
    this.heads.clear();
    this.keyed.clear();
    this.conflicts.length = 0;
    this.#take(earlier);
  }

  #take(other: Journal): void {
    for (const ack of other.acks) this.acks.push(ack);
    for (const [size, rootHash] of other.heads) this.heads.set(size, rootHash);
    for (const hash of other.keyed) this.keyed.add(hash);
    this.conflicts.push(...other.conflicts);
  }

  /** Keeps it beside the data that it speaks of. */
  save(path: string): void {
    writeFileSync(path, '');
    for (const { index, leafHash } of this.acks) appendFileSync(path, `ack ${index} ${leafHash}\n`);
    for (const [size, rootHash] of this.heads) appendFileSync(path, `head ${size} ${rootHash}\n`);
    for (const conflict of this.conflicts) appendFileSync(path, `conflict ${conflict}\n`);
  }
}
