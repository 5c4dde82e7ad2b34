import { endOf, missingHeads } from '../scrub/check-links.ts';
import type { PageRow, RowReader } from '../scrub/row-reader.ts';
import {
  decodeKept,
  decodeState,
  encodeKept,
  encodeState,
  LETTER,
  STATE_KEY,
  type StateRow,
} from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { ProvenTree } from './proven-tree.ts';
import { commitOrFail } from './repair-rows.ts';

export interface HeadLinksDeps {
  readonly rows: RowReader;
  readonly store: Pick<Store, 'commit' | 'lastError'>;
  readonly tree: ProvenTree;
  readonly signal?: AbortSignal;
}

/** The links of kept heads (spec STORE-12): which heads they miss, and new ones once all are back that can be had. */
export class HeadLinks {
  readonly #deps: HeadLinksDeps;

  constructor(deps: HeadLinksDeps) {
    this.#deps = deps;
  }

  /** Keys of kept heads that are gone. The state must be right by now. */
  async missing(): Promise<readonly Uint8Array[]> {
    const missing: Uint8Array[] = [];
    let after: Uint8Array | undefined;
    for await (const page of this.#pages()) {
      missing.push(...missingHeads(page, after, 0));
      after = page.at(-1)?.key ?? after;
    }
    return [...missing, ...missingHeads([], after, (await this.#state()).keptEnd)];
  }

  /** Links each head to the one that is before it now. Links to the heads that are lost stay: they are still missed. */
  async renew(lost: readonly Uint8Array[]): Promise<void> {
    const missed = new Set(lost.map(endOf));
    let end = 0;
    for await (const page of this.#pages())
      for (const row of page) {
        if ('value' in row && !missed.has(endOf(row.key))) await this.#link(row.key, row.value, end, missed);
        end = endOf(row.key);
      }
    const state = await this.#state();
    if (state.keptEnd === end || missed.has(state.keptEnd)) return;
    await this.#put(STATE_KEY, encodeState({ ...state, keptEnd: end }));
  }

  async #link(key: Uint8Array, value: Uint8Array, end: number, missed: ReadonlySet<number>): Promise<void> {
    const { keptEnd, note } = decodeKept(value);
    if (keptEnd !== end && !missed.has(keptEnd)) await this.#put(key, encodeKept({ keptEnd: end, note }));
  }

  /** Rows of kept heads below the head of the tree, which is kept by the guard alone. */
  async *#pages(): AsyncGenerator<readonly PageRow[]> {
    const { rows, tree, signal } = this.#deps;
    for await (const page of rows.pages(LETTER.kept, signal))
      yield page.filter(({ key }) => endOf(key) <= tree.edge.size);
  }

  async #state(): Promise<StateRow> {
    const row = await this.#deps.rows.read(STATE_KEY);
    if ('value' in row) return decodeState(row.value);
    throw new RangeError('the state was written before');
  }

  async #put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await commitOrFail(this.#deps.store, { puts: [{ key, value }], deletes: [] });
  }
}
