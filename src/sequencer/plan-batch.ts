import { concatBytes } from '../core/bytes.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { encodeBundle } from '../core/tile/bundle.ts';
import { edgeRoot, growEdge, type SealedTile } from '../core/tile/edge.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { treeSize } from '../core/units.ts';
import {
  bundleKey,
  edgeKey,
  encodeIndex,
  encodeKept,
  encodeRetry,
  encodeState,
  keptKey,
  leafKey,
  retryKey,
  STATE_KEY,
  tileKey,
} from '../store/rows.ts';
import type { StoreBatch } from '../store/store.ts';
import type { SignedHead } from './log.ts';
import type { NewLeaf, Placement } from './place-entries.ts';
import type { TreeState } from './tree-state.ts';

type Put = StoreBatch['puts'][number];

/** Everything one commit writes, and the tree after it. Nothing here is signed. */
export interface BatchPlan {
  readonly batch: StoreBatch;
  /** The rows that the self-check reads back before anything is signed. */
  readonly checked: readonly Put[];
  readonly leaves: readonly NewLeaf[];
  readonly sealed: readonly SealedTile[];
  readonly nextSize: number;
  readonly rootHash: Hash;
  readonly edge: TreeState['edge'];
  readonly openEntries: readonly Uint8Array[];
  readonly edgeStarts: readonly number[];
  readonly committedAtMs: number;
  readonly keptEnd: number;
}

/** What a plan is made from. */
export interface PlanInput {
  readonly hasher: TreeHasher;
  readonly state: TreeState;
  readonly head: SignedHead;
  readonly placement: Placement;
  readonly leafHashIndex: boolean;
  readonly nowMs: number;
}

/** Plans one growth of the tree: pure, so that a failure anywhere in it changes nothing. */
export function planBatch(input: PlanInput): BatchPlan {
  const { hasher, state, placement } = input;
  const leafHashes = placement.leaves.map((leaf) => leaf.leafHash);
  const grown = growEdge(hasher, state.edge, leafHashes);
  const entries = planEntries(
    state,
    placement.leaves.map((leaf) => leaf.entry),
  );
  const rootHash = edgeRoot(hasher, grown.edge);
  const nextSize = treeSize(state.size + placement.leaves.length);

  const committedAtMs = Math.max(input.nowMs, state.committedAtMs);
  const kept = keptPuts(input, committedAtMs);
  const keptEnd = kept.length === 0 ? state.keptEnd : input.head.size + 1;
  const stateRow = {
    key: STATE_KEY,
    value: encodeState({ size: nextSize, rootHash, committedAtMs, keptEnd }),
  };
  const tiles = grown.sealed.map(tilePut);
  const beside = [...retryPuts(placement), ...(placement.rows ?? [])];
  const checked = [...entries.puts, ...tiles, ...beside, ...kept, stateRow];
  const index = input.leafHashIndex ? indexPuts(placement) : [];
  return {
    batch: { puts: [...checked, ...index], deletes: entries.deletes },
    checked,
    leaves: placement.leaves,
    sealed: grown.sealed,
    nextSize,
    rootHash,
    edge: grown.edge,
    openEntries: entries.openEntries,
    edgeStarts: entries.edgeStarts,
    committedAtMs,
    keptEnd,
  };
}

interface EntryPlan {
  readonly puts: readonly Put[];
  readonly deletes: readonly Uint8Array[];
  readonly openEntries: readonly Uint8Array[];
  readonly edgeStarts: readonly number[];
}

/** Seals the bundles that are full now; what is left over is one edge record with only the new entries. */
function planEntries(state: TreeState, added: readonly Uint8Array[]): EntryPlan {
  const bundleStart = state.size - state.openEntries.length;
  const all = [...state.openEntries, ...added];
  const full = Math.floor(all.length / TILE_WIDTH);
  const puts: Put[] = [];
  for (let i = 0; i < full; i += 1) {
    const bundle = encodeBundle(all.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH));
    puts.push({ key: bundleKey(bundleStart / TILE_WIDTH + i), value: bundle });
  }
  const openEntries = all.slice(full * TILE_WIDTH);
  const start = Math.max(state.size, bundleStart + full * TILE_WIDTH);
  const fresh = all.slice(start - bundleStart);
  if (fresh.length > 0) puts.push({ key: edgeKey(start), value: encodeBundle(fresh) });
  const kept = full > 0 ? [] : state.edgeStarts;
  const edgeStarts = fresh.length > 0 ? [...kept, start] : kept;
  return { puts, deletes: full > 0 ? state.edgeStarts.map(edgeKey) : [], openEntries, edgeStarts };
}

function tilePut(tile: SealedTile): Put {
  const value = concatBytes(tile.nodes.leaves(TILE_WIDTH), tile.nodes.kept());
  return { key: tileKey(tile.level, tile.index), value };
}

function retryPuts(placement: Placement): Put[] {
  return placement.retries.map((retry) => ({ key: retryKey(retry.key), value: encodeRetry(retry) }));
}

/** The first of equal entries is the one that the index names, so a known leaf hash gets no new row. */
function indexPuts(placement: Placement): Put[] {
  const puts: Put[] = [];
  for (const leaf of placement.leaves) {
    if (leaf.indexed) puts.push({ key: leafKey(leaf.leafHash), value: encodeIndex(leaf.index) });
  }
  return puts;
}

const MINUTE_MS = 60_000;

/** The head before this commit is kept for ever when it is the last of its minute. Its note is guarded already. */
function keptPuts(input: PlanInput, nowMs: number): Put[] {
  const lastOfMinute = Math.floor(input.state.committedAtMs / MINUTE_MS) < Math.floor(nowMs / MINUTE_MS);
  if (!lastOfMinute) return [];
  const value = encodeKept({ keptEnd: input.state.keptEnd, note: Buffer.from(input.head.note) });
  return [{ key: keptKey(input.head.size), value }];
}
