import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { TreeSize } from '../core/units.ts';
import type { PageRow, RowReader } from '../scrub/row-reader.ts';
import { contentHash } from '../sequencer/content-hash.ts';
import { keptHeadOf } from '../sequencer/kept-heads.ts';
import type { SignedHead } from '../sequencer/log.ts';
import { rowName } from '../store/row-place.ts';
import {
  decodeKept,
  decodeRetry,
  encodeRetry,
  type KeyedRetry,
  keptKey,
  LETTER,
  retryKey,
} from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { HeadLinks } from './head-links.ts';
import type { ProvenTree } from './proven-tree.ts';
import { commitOrFail } from './repair-rows.ts';
import { Counter } from './tally.ts';
import type { TreeSource } from './tree-source.ts';

export interface DerivedRepairDeps {
  readonly rows: RowReader;
  readonly store: Pick<Store, 'commit' | 'lastError'>;
  readonly tree: ProvenTree;
  /** Throws a TlogError unless the log has signed the head, and its note says this size and root. */
  readonly verifyHead: (head: SignedHead) => Promise<void>;
  /** Where kept heads and retry keys may come from. */
  readonly sources: readonly TreeSource[];
  /** Removes what no source has, instead of counting it as lost. */
  readonly dropLost: boolean;
  readonly signal?: AbortSignal;
}

/** A row of a source, and whether a stored value says the same. */
interface OfferedRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  isSame(stored: Uint8Array): boolean;
}

/**
 * Kept heads and retry keys: no part of the tree, so what is wrong cannot be made again from it. A source may have them,
 * and each is checked against the tree before it is written.
 */
export class DerivedRepair {
  readonly repaired: Counter = new Counter();
  readonly lost: Counter = new Counter();
  readonly dropped: Counter = new Counter();
  readonly #deps: DerivedRepairDeps;

  constructor(deps: DerivedRepairDeps) {
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const { sources } = this.#deps;
    const links = new HeadLinks(this.#deps);
    const heads = await this.#wrong(LETTER.kept, (row) => this.#isKeptHead(row));
    for (const key of await links.missing()) heads.set(textOf(key), key);
    for (const source of sources)
      for await (const head of source.heads?.() ?? []) await this.#offerHead(head, heads);
    const retries = await this.#wrong(LETTER.retry, async (row) => this.#isRetry(row));
    for (const source of sources)
      for await (const retry of source.retries?.() ?? []) await this.#offerRetry(retry, retries);
    for (const key of [...heads.values(), ...retries.values()]) await this.#giveUp(key);
    await links.renew(this.#deps.dropLost ? [] : [...heads.values()]);
  }

  /** Keys of the rows of one sort that are not right, by their text. */
  async #wrong(
    letter: number,
    isRight: (row: PageRow) => Promise<boolean>,
  ): Promise<Map<string, Uint8Array>> {
    const wrong = new Map<string, Uint8Array>();
    for await (const page of this.#deps.rows.pages(letter, this.#deps.signal))
      for (const row of page) if (!(await isRight(row))) wrong.set(textOf(row.key), row.key);
    return wrong;
  }

  async #isKeptHead(row: PageRow): Promise<boolean> {
    if (!('value' in row)) return false;
    try {
      const head = keptHeadOf(decodeKept(row.value).note);
      return equalBytes(keptKey(head.size), row.key) && (await this.#isProven(head));
    } catch (error) {
      if (error instanceof TlogError) return false;
      throw error;
    }
  }

  async #isProven(head: SignedHead): Promise<boolean> {
    if (head.size > this.#deps.tree.edge.size) return false;
    await this.#deps.verifyHead(head);
    const root = await this.#deps.tree.rootAt(head.size as TreeSize);
    return root !== undefined && equalBytes(root, head.rootHash);
  }

  async #offerHead(head: SignedHead, wrong: Map<string, Uint8Array>): Promise<void> {
    // The newest head is not kept as a row; the guard has it.
    if (head.size >= this.#deps.tree.edge.size) return;
    const note = Buffer.from(head.note);
    const isSame = (value: Uint8Array) => equalBytes(decodeKept(value).note, note);
    const row = { key: keptKey(head.size), value: note, isSame };
    await this.#offer(row, wrong, () => this.#accepts(head));
  }

  async #accepts(head: SignedHead): Promise<boolean> {
    try {
      return await this.#isProven(head);
    } catch (error) {
      if (error instanceof TlogError) return false;
      throw error;
    }
  }

  #isRetry(row: PageRow): boolean {
    if (!('value' in row)) return false;
    try {
      const { firstIndex, count } = decodeRetry(row.value);
      return count > 0 && firstIndex + count <= this.#deps.tree.edge.size;
    } catch (error) {
      if (error instanceof TlogError) return false;
      throw error;
    }
  }

  async #offerRetry(retry: KeyedRetry, wrong: Map<string, Uint8Array>): Promise<void> {
    const { tree } = this.#deps;
    const { firstIndex, count } = retry;
    if (count === 0 || firstIndex + count > tree.edge.size) return;
    const value = encodeRetry(retry);
    const row = {
      key: retryKey(retry.key),
      value,
      isSame: (stored: Uint8Array) => equalBytes(stored, value),
    };
    await this.#offer(row, wrong, async () => {
      const entries = await tree.entries(firstIndex, firstIndex + count);
      return entries !== undefined && equalBytes(contentHash(entries), retry.contentHash);
    });
  }

  /** Takes a row from a source, unless it is here already or the tree is against it. */
  async #offer(
    { key, value, isSame }: OfferedRow,
    wrong: Map<string, Uint8Array>,
    isProven: () => Promise<boolean>,
  ): Promise<void> {
    const row = await this.#deps.rows.read(key);
    const isHere = 'value' in row && isSame(row.value) && !wrong.has(textOf(key));
    if (isHere || !(await isProven())) return;
    await commitOrFail(this.#deps.store, { puts: [{ key, value }], deletes: [] });
    wrong.delete(textOf(key));
    this.repaired.add(rowName(key));
  }

  async #giveUp(key: Uint8Array): Promise<void> {
    if (!this.#deps.dropLost) return this.lost.add(rowName(key));
    await commitOrFail(this.#deps.store, { puts: [], deletes: [key] });
    this.dropped.add(rowName(key));
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}
