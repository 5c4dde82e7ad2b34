import { concatBytes, equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeId } from '../core/merkle/node.ts';
import { type Edge, edgeNode, edgeRoot, emptyEdge } from '../core/tile/edge.ts';
import { type TilePlace, tileOfNode } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import { type TreeSize, treeSize } from '../core/units.ts';
import type { Guard } from '../store/guard.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import {
  checkRecord,
  decodeRecord,
  encodeRecord,
  isAbove,
  markOf,
  originHash,
  type WitnessRecord,
} from '../witness/witness-record.ts';
import { bundleParts, isWholePart } from './bundle-parts.ts';
import {
  bundleKey,
  decodeEdge,
  decodeHeard,
  edgeKey,
  encodeEdge,
  encodeHeard,
  type HeardRow,
  heardKey,
  heardRange,
  recordKey,
  tileKey,
} from './monitor-rows.ts';
import type { TreeNodes } from './tree-nodes.ts';

/** What a monitor has verified last: `timeSec` is the freshness of the head, or when it was first seen. */
export type MonitorRecord = WitnessRecord;

/** Of one commit that stages rows, unless one row is larger. */
const BATCH_BYTES: number = 4 * 1024 * 1024;

/** What the state of a log is kept in. */
export interface LogStateDeps {
  readonly hasher: TreeHasher;
  readonly store: Store;
  readonly guard: Guard;
  /** Gives the leaf hashes of a full tile that is not stored. Nothing of them is believed. */
  leaves(index: number, signal: AbortSignal | undefined): Promise<Uint8Array>;
}

/** Asks the log for a tile, within the bounds of whoever needs it. */
export type AskLog = (work: (signal: AbortSignal | undefined) => Promise<Uint8Array>) => Promise<Uint8Array>;

type Put = StoreBatch['puts'][number];

/** The verified tree of one log as it stands at one moment; later growth does not change it. */
export interface VerifiedTree extends TreeNodes {
  readonly record: MonitorRecord;
}

/**
 * The verified tree of one log: its head, the edge, and every full tile above the leaves. The record is durable before the guard is
 * raised, and the guard has it before anybody sees it. Whoever gets a fatal error ends the process.
 */
export class LogState {
  readonly origin: string;
  readonly #deps: LogStateDeps;
  readonly #hash: string;
  /** Changed by `advance` alone, with #edge, once the guard has it. */
  #record: MonitorRecord | undefined;
  #edge: Edge;

  private constructor(origin: string, deps: LogStateDeps, record: MonitorRecord | undefined, edge: Edge) {
    this.origin = origin;
    this.#deps = deps;
    this.#hash = originHash(origin);
    this.#record = record;
    this.#edge = edge;
  }

  /** @throws TlogError record_lost, guard_conflict, guard_unreadable, storage_corrupt: of this log alone; of a fatal kind: end the process */
  static async open(origin: string, deps: LogStateDeps): Promise<LogState> {
    const { store, guard, hasher } = deps;
    const hash = originHash(origin);
    const [stored, storedEdge] = await store.getMany([recordKey(hash), edgeKey(hash)]);
    const record = stored === undefined ? undefined : decodeRecord(stored);
    checkRecord(record, guard.mark);
    const edge = storedEdge === undefined ? emptyEdge(hasher) : decodeEdge(hasher, storedEdge);
    const root = record?.rootHash ?? hasher.emptyRoot;
    if (edge.size !== (record?.size ?? 0) || !equalBytes(edgeRoot(hasher, edge), root))
      throw new TlogError('storage_corrupt', `the stored edge of ${origin} is not that of its record`);
    const state = new LogState(origin, deps, record, edge);
    if (record !== undefined && isAbove(markOf(record), guard.mark)) await state.#raise(record);
    return state;
  }

  /** What was verified last; undefined before the first head. */
  get record(): MonitorRecord | undefined {
    return this.#record;
  }

  get edge(): Edge {
    return this.#edge;
  }

  /** The tree as it is now, for comparisons that take a while; `ask` is for what is not stored. Undefined before the first head. */
  treeAsking(ask: AskLog): VerifiedTree | undefined {
    const [record, edge] = [this.#record, this.#edge];
    if (record === undefined) return undefined;
    const leaves = lastRead((index) => ask((signal) => this.#leaves(edge, index, signal)));
    return { record, node: (node) => this.#node(edge, node, leaves) };
  }

  /** Stores tiles and bundles that are proven to be in a signed tree; durable on return. In order, so that a crash leaves a part of a bundle that is a prefix. */
  async stage(rows: StateRows): Promise<void> {
    for (const puts of inBatches(this.#puts(rows))) await this.#commit({ puts, deletes: [] });
  }

  /** Takes a head whose tree has been read whole: durable and guarded on return. */
  async advance(record: MonitorRecord, edge: Edge, rows: StateRows): Promise<void> {
    const puts = [
      ...this.#puts(rows),
      { key: edgeKey(this.#hash), value: encodeEdge(edge) },
      { key: recordKey(this.#hash), value: encodeRecord(record) },
    ];
    await this.#commit({ puts, deletes: [] });
    await this.#raise(record);
    this.#record = record;
    this.#edge = edge;
  }

  /** A stored bundle: as many entries as there were when it was stored last. */
  async bundle(index: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = await this.#deps.store.get(bundleKey(this.#hash, index, parts.length));
      if (part !== undefined) parts.push(part);
      if (part === undefined || !isWholePart(part)) break;
    }
    return parts.length > 1 ? concatBytes(...parts) : parts[0];
  }

  /** The hashes of a full tile that is stored. */
  async tile(place: TilePlace): Promise<Uint8Array | undefined> {
    return this.#deps.store.get(tileKey(this.#hash, place));
  }

  /** Heads that were heard of and not reached yet, the smallest first. */
  async heard(): Promise<HeardRow[]> {
    const rows: HeardRow[] = [];
    for await (const [, row] of this.#deps.store.iterate(heardRange(this.#hash))) rows.push(decodeHeard(row));
    return rows;
  }

  /** Keeps a head that was heard of; durable on return. */
  async keepHeard({ size, ...row }: HeardRow & { readonly size: TreeSize }): Promise<void> {
    const put = { key: heardKey(this.#hash, size), value: encodeHeard(row) };
    await this.#commit({ puts: [put], deletes: [] });
  }

  /** Forgets a head that was heard of; durable on return. */
  async forgetHeard(size: TreeSize): Promise<void> {
    await this.#commit({ puts: [], deletes: [heardKey(this.#hash, size)] });
  }

  close(): Promise<void> {
    return this.#deps.guard.close();
  }

  #puts({ tiles, bundles }: StateRows): Put[] {
    return [
      ...tiles.map(({ level, index, nodes }) => ({
        key: tileKey(this.#hash, { level, index }),
        value: nodes.leaves(nodes.width),
      })),
      ...bundles.flatMap(({ index, bytes }) =>
        bundleParts(bytes).map((value, part) => ({ key: bundleKey(this.#hash, index, part), value })),
      ),
    ];
  }

  async #node(edge: Edge, node: NodeId, leaves?: Leaves): Promise<Hash> {
    const known = edgeNode(edge, node);
    if (known !== undefined) return known;
    const { tile, height, offset } = tileOfNode(node);
    const bytes = (await this.tile(tile)) ?? (tile.level === 0 ? await leaves?.(tile.index) : undefined);
    if (bytes === undefined)
      throw new TlogError('storage_corrupt', `tile ${tile.level}/${tile.index} of ${this.origin} is missing`);
    return TileNodes.fromLeaves(this.#deps.hasher, bytes).node(height, offset);
  }

  /** Leaf hashes are kept by mirrors alone: they are read again, and held to the tile above. */
  async #leaves(edge: Edge, index: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const bytes = await this.#deps.leaves(index, signal);
    const root = TileNodes.fromLeaves(this.#deps.hasher, bytes).node(8, 0);
    if (equalBytes(root, await this.#node(edge, { level: 8, index }))) return bytes;
    throw new TlogError('proof_mismatch', `tile 0/${index} is not the one that was verified before`);
  }

  async #commit(batch: StoreBatch): Promise<void> {
    const { store } = this.#deps;
    if ((await store.commit(batch)) === 'committed') return;
    throw new TlogError('commit_unknown', 'a row may or may not be stored', { cause: store.lastError });
  }

  async #raise(record: MonitorRecord): Promise<void> {
    const { guard } = this.#deps;
    const outcome = await guard.raise(markOf(record));
    if (outcome === 'raised') return;
    const code = outcome === 'superseded' ? 'guard_superseded' : 'guard_unknown';
    throw new TlogError(code, `the guard of ${this.origin} could not be raised`, { cause: guard.lastError });
  }
}

/** The same rows in their order, as many at once as are small enough. */
function inBatches(puts: readonly Put[]): Put[][] {
  const batches: Put[][] = [];
  let left = 0;
  for (const put of puts) {
    if (batches.length === 0 || left < put.value.length) {
      batches.push([]);
      left = BATCH_BYTES;
    }
    batches.at(-1)?.push(put);
    left -= put.value.length;
  }
  return batches;
}

type Leaves = (index: number) => Promise<Uint8Array>;

/** Keeps the tile that was read last: what is compared and what convicts are of one answer, which need not come a second time. */
function lastRead(read: Leaves): Leaves {
  let last: { readonly index: number; readonly bytes: Promise<Uint8Array> } | undefined;
  return (index) => {
    if (last?.index !== index) last = { index, bytes: read(index) };
    return last.bytes;
  };
}

/** What is stored of a tree beside its head. */
export interface StateRows {
  readonly tiles: readonly { readonly level: number; readonly index: number; readonly nodes: TileNodes }[];
  readonly bundles: readonly { readonly index: number; readonly bytes: Uint8Array }[];
}

/** Nothing beside the head. */
export const NO_ROWS: StateRows = { tiles: [], bundles: [] };

/** The size that a state has verified. */
export function sizeOf(record: MonitorRecord | undefined): TreeSize {
  return record?.size ?? treeSize(0);
}
