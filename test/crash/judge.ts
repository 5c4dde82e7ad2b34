import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { appendLeaves, emptyFrontier, type Frontier, frontierRoot } from '../../src/core/merkle/frontier.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { decodeBundle } from '../../src/core/tile/bundle.ts';
import { formatBundlePath, formatTilePath } from '../../src/core/tile/path.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { Journal } from './journal.ts';
import type { LogIdentity } from './load.ts';
import { readAnswer } from './read-answer.ts';

const WIDTH = 256;
const HASH = 32;

/** What was promised and is not so. */
export interface Verdict {
  readonly size: number;
  /** Acked entries that are not where the client was told. */
  readonly lost: number;
  /** Heads that do not fit the log as it is now, or each other. */
  readonly conflicts: readonly string[];
  /** Leaf hashes under a key that lie in the log more than once. */
  readonly doubled: number;
}

/** Compares what a server serves with everything its clients were ever told, by client code alone. */
export class Judge {
  readonly #journal: Journal;
  readonly #identity: LogIdentity;
  #leaves: string[] = [];
  #frontier: Frontier = emptyFrontier;

  constructor(journal: Journal, identity: LogIdentity) {
    this.#journal = journal;
    this.#identity = identity;
  }

  /** Forgets what it has read, as after a restore. */
  startOver(): void {
    this.#leaves = [];
    this.#frontier = emptyFrontier;
  }

  /** The head that is served now; it goes into the journal. */
  async seeHead(logUrl: string): Promise<VerifiedCheckpoint> {
    const note = (await bytes(`${logUrl}/checkpoint`)).toString();
    const head = await verifyCheckpoint(note, this.#identity);
    this.#journal.head(head.size, formatBase64(head.rootHash), logUrl);
    return head;
  }

  /**
   * Reads the leaf hashes from where it stopped last time, and checks the signed root and that of every head seen.
   * With `everything` it begins at 0 and hashes the entries themselves.
   */
  async judge(logUrl: string, everything = false): Promise<Verdict> {
    if (everything) this.startOver();
    const head = await this.seeHead(logUrl);
    const conflicts: string[] = [];
    // Every head at or below the verified size has been compared with these very leaves.
    const sizes = [...this.#journal.heads.keys()].sort((a, b) => a - b);
    if ((sizes.at(-1) ?? 0) > head.size)
      conflicts.push(`size ${sizes.at(-1)} was seen, ${head.size} is served`);
    await this.#read(logUrl, head.size, everything);
    for (const size of sizes) {
      if (size < this.#frontier.size || size > head.size) continue;
      this.#grow(size);
      const rootHash = formatBase64(frontierRoot(nodeHasher, this.#frontier));
      const seen = this.#journal.heads.get(size);
      if (rootHash !== seen)
        conflicts.push(`size ${size}: the entries have root ${rootHash}, ${seen} was seen`);
    }
    const lost = this.#journal.acks.filter(({ index, leafHash }) => this.#leaves[index] !== leafHash).length;
    conflicts.push(...this.#journal.conflicts);
    return { size: head.size, lost, conflicts, doubled: this.#doubled() };
  }

  #grow(size: number): void {
    const more = this.#leaves.slice(this.#frontier.size, size).map((hash) => Buffer.from(hash, 'base64'));
    this.#frontier = appendLeaves(nodeHasher, this.#frontier, more);
  }

  async #read(logUrl: string, size: number, entries: boolean): Promise<void> {
    for (let index = Math.floor(this.#leaves.length / WIDTH); index * WIDTH < size; index += 1) {
      const width = Math.min(WIDTH, size - index * WIDTH);
      const tile = await bytes(`${logUrl}/${formatTilePath({ level: 0, index, width })}`);
      const hashes = Array.from({ length: width }, (_, i) =>
        tile.subarray(i * HASH, (i + 1) * HASH).toString('base64'),
      );
      if (entries) await checkEntries(logUrl, index, hashes);
      // What was read before must come again: a leaf that changed shows as a wrong root, or here.
      for (const [i, hash] of hashes.entries()) this.#leaf(index * WIDTH + i, hash);
    }
  }

  #leaf(index: number, hash: string): void {
    const known = this.#leaves[index];
    if (known === undefined) this.#leaves.push(hash);
    else if (known !== hash) this.#journal.conflicts.push(`leaf ${index} changed from ${known} to ${hash}`);
  }

  #doubled(): number {
    const seen = new Set<string>();
    const twice = this.#leaves.filter((hash) => {
      if (!this.#journal.keyed.has(hash)) return false;
      if (seen.has(hash)) return true;
      seen.add(hash);
      return false;
    });
    return twice.length;
  }
}

async function checkEntries(logUrl: string, index: number, hashes: readonly string[]): Promise<void> {
  const bundle = await bytes(`${logUrl}/${formatBundlePath({ index, width: hashes.length })}`);
  for (const [i, entry] of decodeBundle(bundle, { count: hashes.length }).entries()) {
    if (formatBase64(nodeHasher.leafHash(entry)) !== hashes[i])
      throw new Error(`entry ${index * WIDTH + i} does not hash to its leaf`);
  }
}

async function bytes(url: string): Promise<Buffer> {
  const { status, body } = await readAnswer(url);
  if (status !== 200) throw new Error(`GET ${url}: ${status} ${body}`);
  return body;
}
