import { equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { consistencyPlan, rootsFromConsistency } from '../core/merkle/consistency.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { inclusionPlan } from '../core/merkle/inclusion.ts';
import { multiProofPlan } from '../core/merkle/multi-proof.ts';
import type { NodeId } from '../core/merkle/node.ts';
import type { NodeAtHand } from '../core/merkle/proof-paths.ts';
import { assembleProof } from '../core/merkle/proof-plan.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import { decodeBundle, encodeBundle } from '../core/tile/bundle.ts';
import { isTileInTree, TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import type { LeafIndex, TreeSize } from '../core/units.ts';
import { andThen, type Now } from '../runtime/now.ts';
import { type SliceBounds, Slices } from '../runtime/slices.ts';
import { corruptRow, decodedRow } from '../store/corrupt-row.ts';
import { bundleKey, decodeIndex, leafKey } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { LeafProof, PagePart } from './log.ts';
import type { TileReader } from './tile-reader.ts';
import type { TreeState } from './tree-state.ts';

/** Nodes that are read, and hashed from stored ones, in one turn of the event loop: some milliseconds. */
const SLICE_NODES = 512;

/** Of a bundle, 16 MiB where all its entries are large, so much is checked in one turn. */
const CHECKED: SliceBounds = { bytes: 4 * 1024 * 1024, steps: Number.POSITIVE_INFINITY };

/** Answers every question about a tree from its state, its tiles and its bundles. Never writes. */
export class LogReader {
  readonly #store: Store;
  readonly #tiles: TileReader;
  readonly #hasher: TreeHasher;
  /** The tree as readers may see it; the log that owns this reader moves it on. */
  readonly #state: () => TreeState;

  /** Lets others have a turn of the event loop in long work. */
  readonly #turn: () => Promise<void>;
  /** Whether the bundle that was read last was long. */
  #areBundlesLong = false;

  constructor(
    store: Store,
    tiles: TileReader,
    hasher: TreeHasher,
    state: () => TreeState,
    turn: () => Promise<void>,
  ) {
    this.#turn = turn;
    this.#store = store;
    this.#tiles = tiles;
    this.#hasher = hasher;
    this.#state = state;
  }

  /** Size of the tree that readers see. */
  get size(): TreeSize {
    return this.#state().size;
  }

  #nodes(nodes: readonly NodeId[]): Now<readonly Hash[]> {
    return this.#tiles.readNodes(this.#state().edge, nodes);
  }

  readTile(tile: TileId): Now<Uint8Array | undefined> {
    const state = this.#state();
    if (!isTileInTree(tile, state.size)) return undefined;
    const span = TILE_WIDTH ** (tile.level + 1);
    if (tile.index === Math.floor(state.size / span)) return state.edge.tiles[tile.level]?.leaves(tile.width);
    return andThen(this.#tiles.readTile(tile.level, tile.index), (nodes) => nodes.leaves(tile.width));
  }

  readBundle(bundle: { readonly index: number; readonly width: number }): Now<Uint8Array | undefined> {
    const { size } = this.#state();
    if (!isTileInTree({ level: 0, ...bundle }, size)) return undefined;
    if (bundle.width < TILE_WIDTH) {
      return andThen(this.#bundleEntries(bundle.index), (entries) =>
        encodeBundle(entries.slice(0, bundle.width)),
      );
    }
    return this.#storedBundle(bundle.index);
  }

  /** Entries of one bundle; of the open one, those that the tree has. */
  #bundleEntries(index: number, page?: PagePart): Now<readonly Uint8Array[]> {
    const state = this.#state();
    if (index === Math.floor(state.size / TILE_WIDTH)) return state.openEntries;
    const stored = page === undefined ? this.#storedBundle(index) : this.#pageBundle(index, page);
    return andThen(stored, (bundle) =>
      decodedRow(bundleKey(index), bundle, (value) => decodeBundle(value, { count: TILE_WIDTH })),
    );
  }

  /** The same, for one part of a page after the other. */
  #pageBundle(index: number, { bundles }: PagePart): Now<Uint8Array> {
    const known = bundles?.get(index);
    if (known !== undefined) return known;
    return andThen(this.#storedBundle(index, true), (bundle) => {
      bundles?.set(index, bundle);
      return bundle;
    });
  }

  /**
   * A full bundle. The row's check is bound to its key; the leaf hashes are checked where single entries are served. It is read
   * in the pool for pages, and where the last one was long, as the next will be: by itself that makes most reads slower.
   */
  #storedBundle(index: number, inPool = false): Now<Uint8Array> {
    const key = bundleKey(index);
    const stored = inPool || this.#areBundlesLong ? this.#readInPool(key) : this.#store.get(key);
    return andThen(stored, (found) => {
      const bundle = present(key, found);
      this.#areBundlesLong = bundle.length >= CHECKED.bytes;
      return bundle;
    });
  }

  #readInPool(key: Uint8Array): Now<Uint8Array | undefined> {
    const slices = new Slices(CHECKED, this.#turn);
    return andThen(this.#store.getMany([key], { inPool: true, slices }), ([stored]) => stored);
  }

  async readEntries(start: LeafIndex, end: TreeSize, page?: PagePart): Promise<readonly Uint8Array[]> {
    if (end > this.size) throw new RangeError(`entries to ${end} of ${this.size}`);
    const entries: Uint8Array[] = [];
    let bytesLeft = page?.bytes ?? Number.POSITIVE_INFINITY;
    for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < end; index += 1) {
      const base = index * TILE_WIDTH;
      const from = Math.max(start, base);
      const all = await this.#bundleEntries(index, page);
      const wanted = upTo(bytesLeft, all.slice(from - base, end - base));
      const hashes = await this.#nodes(wanted.map((_, i) => ({ level: 0, index: from + i })));
      for (const [i, entry] of wanted.entries())
        entries.push(this.#checkedEntry(from + i, entry, hashes[i] as Hash));
      bytesLeft -= bytesOf(wanted);
      if (bytesLeft <= 0) break;
    }
    return entries;
  }

  #checkedEntry(index: number, entry: Uint8Array, leafHash: Hash): Uint8Array {
    const actual = this.#hasher.leafHash(entry);
    if (equalBytes(actual, leafHash)) return entry;
    const hashes = { expected: formatHex(leafHash), actual: formatHex(actual) };
    const row = formatHex(bundleKey(Math.floor(index / TILE_WIDTH)));
    throw new TlogError('storage_corrupt', `entry ${index} does not match its leaf hash`, {
      details: { index, row, ...hashes },
    });
  }

  /** First index of a leaf hash. The index holds 16 bytes of it, so the whole hash is compared with the tree's. */
  findLeaf(leafHash: Hash): Now<LeafIndex | undefined> {
    const key = leafKey(leafHash);
    return andThen(this.#store.get(key), (stored) => {
      if (stored === undefined) return undefined;
      const index = decodedRow(key, stored, decodeIndex);
      // The row is written in the commit itself; until the head covers it, it is not there for readers.
      if (index >= this.#state().size) return undefined;
      const hash = this.#nodes([{ level: 0, index }]);
      const same = (hashes: readonly Hash[]): LeafIndex | undefined =>
        hashes[0] !== undefined && equalBytes(hashes[0], leafHash) ? index : undefined;
      return andThen(hash, same);
    });
  }

  nodesOnPath(index: LeafIndex): Now<NodeAtHand> {
    return this.#tiles.nodesOnPath(this.#state().edge, index);
  }

  proveInclusion(index: LeafIndex, size: TreeSize): Now<LeafProof> {
    const plan = inclusionPlan(index, size);
    const root = this.#rootPlan(size);
    const nodes = [{ level: 0, index }, ...plan.nodes, ...root.nodes];
    return andThen(this.#nodes(nodes), (hashes) => {
      const end = 1 + plan.nodes.length;
      const proof = assembleProof(this.#hasher, plan, hashes.slice(1, end));
      return { leafHash: hashes[0] as Hash, rootHash: root.finish(hashes.slice(end)), proof };
    });
  }

  proveConsistency(
    from: TreeSize,
    to: TreeSize,
  ): Now<{ fromRootHash: Hash; toRootHash: Hash; proof: Hash[] }> {
    if (from === 0 || from === to) return this.#proveNothing(from, to);
    const plan = consistencyPlan(from, to);
    // A smaller tree that is one complete subtree is not in the proof: its verifier has the root hash.
    const whole = rootNodes(from).length === 1 ? rootNodes(from) : [];
    return andThen(this.#nodes([...whole, ...plan.nodes]), (hashes) => {
      const proof = assembleProof(this.#hasher, plan, hashes.slice(whole.length));
      const explicit = [...hashes.slice(0, whole.length), ...proof];
      // What a verifier folds the proof to: half the nodes to read that both roots by themselves would take.
      const { oldRoot, newRoot } = rootsFromConsistency(
        this.#hasher,
        { oldSize: from, newSize: to },
        explicit,
      );
      return { fromRootHash: oldRoot, toRootHash: newRoot, proof };
    });
  }

  /** From the empty tree, or from a tree to itself: no hash is needed. */
  #proveNothing(from: TreeSize, to: TreeSize): Now<{ fromRootHash: Hash; toRootHash: Hash; proof: Hash[] }> {
    const { nodes, finish } = this.#rootPlan(to);
    return andThen(this.#nodes(nodes), (hashes) => {
      const toRootHash = finish(hashes);
      return { fromRootHash: from === 0 ? this.#hasher.emptyRoot : toRootHash, toRootHash, proof: [] };
    });
  }

  async proveMany(
    indexes: readonly LeafIndex[],
    size: TreeSize,
  ): Promise<{ leafHashes: Hash[]; rootHash: Hash; nodes: Hash[] }> {
    const plan = multiProofPlan(indexes, size);
    const root = this.#rootPlan(size);
    const leaves = indexes.map((index) => ({ level: 0, index }));
    const hashes = await this.#manyNodes([...leaves, ...plan.nodes, ...root.nodes]);
    const end = leaves.length + plan.nodes.length;
    return {
      leafHashes: hashes.slice(0, leaves.length),
      nodes: assembleProof(this.#hasher, plan, hashes.slice(leaves.length, end)),
      rootHash: root.finish(hashes.slice(end)),
    };
  }

  /**
   * Nodes of any number; of many with a turn of the event loop before each slice, since to plan them takes as long, and after the
   * last, since to answer does. What a tree has stays in it while it grows meanwhile.
   */
  async #manyNodes(nodes: readonly NodeId[]): Promise<readonly Hash[]> {
    if (nodes.length <= SLICE_NODES) return this.#nodes(nodes);
    const hashes: Hash[] = [];
    for (let from = 0; from < nodes.length; from += SLICE_NODES) {
      await this.#turn();
      hashes.push(...(await this.#nodes(nodes.slice(from, from + SLICE_NODES))));
    }
    await this.#turn();
    return hashes;
  }

  /** What the root of a size needs: nothing more where it is the head's own. */
  #rootPlan(size: TreeSize): { nodes: readonly NodeId[]; finish: (hashes: readonly Hash[]) => Hash } {
    const state = this.#state();
    if (size === state.size) return { nodes: [], finish: () => state.rootHash };
    return { nodes: rootNodes(size), finish: (hashes) => rootFromNodes(this.#hasher, size, hashes) };
  }
}

/** The first entries, until they have so many bytes together: at least one. */
function upTo(bytes: number, entries: readonly Uint8Array[]): readonly Uint8Array[] {
  let left = bytes;
  const end = entries.findIndex(({ length }) => {
    left -= length;
    return left <= 0;
  });
  return end === -1 ? entries : entries.slice(0, end + 1);
}

function bytesOf(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, { length }) => sum + length, 0);
}

function present(key: Uint8Array, stored: Uint8Array | undefined): Uint8Array {
  if (stored !== undefined) return stored;
  throw corruptRow(key, 'is missing');
}
