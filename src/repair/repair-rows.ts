import { concatBytes, equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { encodeBundle } from '../core/tile/bundle.ts';
import { TILE_HEIGHT, TILE_WIDTH } from '../core/tile/tile.ts';
import type { TileNodes } from '../core/tile/tile-nodes.ts';
import { leafIndex } from '../core/units.ts';
import { PAGE_ROWS, type PageRow, type RowReader } from '../scrub/row-reader.ts';
import { tileOf } from '../scrub/verified-tiles.ts';
import { rowName } from '../store/row-place.ts';
import {
  bundleKey,
  decodeIndex,
  decodeState,
  edgeKey,
  edgeStart,
  encodeIndex,
  encodeState,
  LETTER,
  leafKey,
  STATE_KEY,
  type StateRow,
  tileKey,
} from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { ProvenBundle, ProvenTree } from './proven-tree.ts';
import { decoded } from './stored-tree.ts';
import { Counter } from './tally.ts';

/** Levels of tiles that a tree of 2^53 leaves has at most. */
const LEVELS = 7;

export interface RepairRowsDeps {
  readonly hasher: TreeHasher;
  readonly rows: RowReader;
  /** Where rows are written, with their checks. */
  readonly store: Pick<Store, 'commit' | 'lastError'>;
  readonly tree: ProvenTree;
  readonly rootHash: Hash;
  readonly leafHashIndex: boolean;
  readonly nowMs: number;
  readonly onProgress?: (progress: { readonly entries: number; readonly size: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes the rows of a database those of a proven tree: full tiles, bundles, the open bundle, the state and the leaf-hash
 * index. A row that is right already stays untouched; what has no proof is counted as lost and stays as it is.
 */
export class RowRepair {
  readonly repaired: Counter = new Counter();
  readonly lost: Counter = new Counter();
  readonly removed: Counter = new Counter();
  readonly #deps: RepairRowsDeps;
  readonly #size: number;

  constructor(deps: RepairRowsDeps) {
    this.#deps = deps;
    this.#size = deps.tree.edge.size;
  }

  async run(): Promise<void> {
    const { onProgress, signal } = this.#deps;
    await this.#upperTiles();
    for (let index = 0; (index + 1) * TILE_WIDTH <= this.#size; index += 1) {
      signal?.throwIfAborted();
      await this.#bundle(index);
      onProgress?.({ entries: (index + 1) * TILE_WIDTH, size: this.#size });
    }
    await this.#openBundle();
    await this.#beyond();
    await this.#state();
    if (this.#deps.leafHashIndex) await this.#sweepIndex();
    onProgress?.({ entries: this.#size, size: this.#size });
  }

  /** From the top down: below a tile that is lost nothing can be proven. */
  async #upperTiles(): Promise<void> {
    const counts: number[] = [];
    for (let span = TILE_WIDTH ** 2; span <= this.#size; span *= TILE_WIDTH)
      counts.push(Math.floor(this.#size / span));
    for (let level = counts.length; level > 0; level -= 1)
      for (let index = 0; index < (counts[level - 1] ?? 0); index += 1) await this.#tile(level, index);
  }

  async #tile(level: number, index: number): Promise<void> {
    const { tree, rows, hasher } = this.#deps;
    const key = tileKey(level, index);
    const proven = await tree.tile(level, index);
    if (proven === undefined) return this.lost.add(rowName(key));
    const row = await rows.read(key);
    const stored = 'value' in row ? tileOf(hasher, row.value) : undefined;
    if (stored !== undefined && equalBytes(stored.node(TILE_HEIGHT, 0), proven.node(TILE_HEIGHT, 0))) return;
    await this.#put(key, rowOf(proven));
  }

  async #bundle(index: number): Promise<void> {
    await this.#tile(0, index);
    const key = bundleKey(index);
    const proven = await this.#deps.tree.bundle(index);
    if (proven === undefined) return this.lost.add(rowName(key));
    await this.#putUnlessEqual(key, encodeBundle(proven.entries));
    await this.#index(index * TILE_WIDTH, proven);
  }

  /** One record in place of those of many commits, where they are not exactly right. */
  async #openBundle(): Promise<void> {
    const { rows, tree } = this.#deps;
    const start = Math.floor(this.#size / TILE_WIDTH) * TILE_WIDTH;
    const page = await rows.page(LETTER.edge, undefined, TILE_WIDTH + 1);
    const proven = start === this.#size ? { entries: [], hashes: [] } : await tree.bundle(start / TILE_WIDTH);
    if (proven === undefined) return this.lost.add(rowName(edgeKey(start)));
    if (!areRecords(page, start, proven.entries)) {
      const whole = { key: edgeKey(start), value: encodeBundle(proven.entries) };
      const deletes = page.map(({ key }) => key).filter((key) => Buffer.compare(key, whole.key) !== 0);
      await this.#commit({ puts: proven.entries.length === 0 ? [] : [whole], deletes });
      this.repaired.add(`records of the open bundle at ${start}`);
    }
    await this.#index(start, proven);
  }

  /** Rows of a tree that is larger than its signed head: nobody has a receipt for what is in them. */
  async #beyond(): Promise<void> {
    const full = Math.floor(this.#size / TILE_WIDTH);
    await this.#removeAfter(full === 0 ? Uint8Array.of(LETTER.bundle) : bundleKey(full - 1), 1);
    for (let level = 0; level < LEVELS; level += 1) {
      const count = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
      await this.#removeAfter(count === 0 ? Uint8Array.of(LETTER.tile, level) : tileKey(level, count - 1), 2);
    }
  }

  /** Removes the rows behind a key that share its first bytes with it. */
  async #removeAfter(after: Uint8Array, sharedBytes: number): Promise<void> {
    const shared = after.subarray(0, sharedBytes);
    for (;;) {
      const page = await this.#deps.rows.page(after[0] ?? 0, after, PAGE_ROWS);
      const behind = page.filter(({ key }) => equalBytes(key.subarray(0, sharedBytes), shared));
      for (const { key } of behind) await this.#remove(key);
      if (behind.length < PAGE_ROWS) return;
    }
  }

  async #state(): Promise<void> {
    const { rows, rootHash, nowMs, tree } = this.#deps;
    const row = await rows.read(STATE_KEY);
    const known = 'value' in row ? stateOf(row.value) : undefined;
    // A head that was kept beyond the tree is none; the newest that there is follows with the kept heads themselves.
    const keptEnd = known === undefined || known.keptEnd > this.#size ? 0 : known.keptEnd;
    const committedAtMs = known?.committedAtMs ?? nowMs;
    const state = { size: tree.edge.size, rootHash, committedAtMs, keptEnd };
    await this.#putUnlessEqual(STATE_KEY, encodeState(state));
  }

  /** Each leaf of a bundle has a row that names it, or an earlier leaf with the same key. */
  async #index(start: number, { hashes }: ProvenBundle): Promise<void> {
    if (!this.#deps.leafHashIndex) return;
    const { rows, tree } = this.#deps;
    const stored = await rows.readMany(hashes.map(leafKey));
    const fresh = new Map<string, { key: Uint8Array; value: Uint8Array }>();
    for (const [i, hash] of hashes.entries()) {
      const key = leafKey(hash);
      const name = Buffer.from(key).toString('latin1');
      const row = stored[i];
      const named =
        row !== undefined && 'value' in row && row.value.length === 8 ? decodeIndex(row.value) : undefined;
      if (named === start + i || fresh.has(name)) continue;
      const other =
        named === undefined || named > start + i ? undefined : await tree.node({ level: 0, index: named });
      if (other !== undefined && equalBytes(leafKey(other), key)) continue;
      fresh.set(name, { key, value: encodeIndex(leafIndex(start + i)) });
      this.repaired.add(rowName(key));
    }
    if (fresh.size > 0) await this.#commit({ puts: [...fresh.values()], deletes: [] });
  }

  /** Every leaf has its right row by now: what is still wrong belongs to no leaf. */
  async #sweepIndex(): Promise<void> {
    for await (const page of this.#deps.rows.pages(LETTER.leaf, this.#deps.signal))
      for (const row of page) {
        const isRight = 'value' in row && row.value.length === 8 && decodeIndex(row.value) < this.#size;
        if (!isRight) await this.#remove(row.key);
      }
  }

  async #putUnlessEqual(key: Uint8Array, value: Uint8Array): Promise<void> {
    const row = await this.#deps.rows.read(key);
    if ('value' in row && Buffer.compare(row.value, value) === 0) return;
    await this.#put(key, value);
  }

  async #put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#commit({ puts: [{ key, value }], deletes: [] });
    this.repaired.add(rowName(key));
  }

  async #remove(key: Uint8Array): Promise<void> {
    await this.#commit({ puts: [], deletes: [key] });
    this.removed.add(rowName(key));
  }

  async #commit(batch: Parameters<Store['commit']>[0]): Promise<void> {
    await commitOrFail(this.#deps.store, batch);
  }
}

/** @throws TlogError commit_unknown: run the repair again */
export async function commitOrFail(
  store: Pick<Store, 'commit' | 'lastError'>,
  batch: Parameters<Store['commit']>[0],
): Promise<void> {
  if ((await store.commit(batch)) === 'committed') return;
  throw new TlogError(
    'commit_unknown',
    'the database could not be written; look at the disk, then repair again',
    {
      cause: store.lastError,
    },
  );
}

/** Whether these are records one after the other of exactly these entries: only then a start finds them. */
function areRecords(page: readonly PageRow[], start: number, entries: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const row of page) {
    const record = 'value' in row ? decoded(row.value) : undefined;
    if (record === undefined || edgeStart(row.key) !== start + at) return false;
    for (const entry of record) {
      const expected = entries[at];
      if (expected === undefined || Buffer.compare(entry, expected) !== 0) return false;
      at += 1;
    }
  }
  return at === entries.length;
}

function rowOf(tile: TileNodes): Uint8Array {
  return concatBytes(tile.leaves(TILE_WIDTH), tile.kept());
}

function stateOf(value: Uint8Array): StateRow | undefined {
  try {
    return decodeState(value);
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
