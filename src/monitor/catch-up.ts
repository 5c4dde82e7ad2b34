import type { LogCalls } from '../client/log-calls.ts';
import { ReadAhead } from '../client/read-ahead.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { TileTree } from '../client/tile-tree.ts';
import { concatBytes, equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { type Edge, edgeRoot, growEdge, type SealedTile } from '../core/tile/edge.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { EventCheck } from './event-check.ts';
import { checkPrefix } from './fork.ts';
import { type LogState, sizeOf } from './log-state.ts';
import type { Observation } from './observation.ts';

/** Bundles that are read before their turn, and the bytes of them: one has at most 16 MiB, and is there twice for a moment. */
const AHEAD = 6;
const AHEAD_BYTES: number = 8 * 1024 * 1024;
/** Rows are stored once they are so many bytes: what a catch-up holds does not depend on the size of the log. */
const STAGE_BYTES: number = 4 * 1024 * 1024;

/** Between two looks at what a slow answer must not put off. */
const MEANWHILE_MS = 60_000;

/** What a catch-up works with. */
export interface CatchUpDeps {
  readonly clock: Clock;
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  /** Whether entries and leaf hashes are stored, too. */
  readonly mirror: boolean;
  /** Whether each entry has to be a leaf of a log of events. */
  readonly events: boolean;
}

/** A head to go on to; `timeSec` is kept with it. */
export interface NextHead {
  readonly head: VerifiedCheckpoint;
  readonly timeSec: number;
  readonly signal: AbortSignal | undefined;
  /** Gets what the log has signed and should not have, before the head is taken. Resolves once it is durable. */
  tell(found: readonly Observation[]): Promise<void>;
  /** Called each minute while entries come: a log that answers slowly must not put off what its silence would tell. */
  meanwhile(): Promise<void>;
}

/**
 * Reads all entries from the verified tree to a larger head, and takes the head: its tiles must lead to its root, have the
 * verified tree as a prefix, and be the hashes of the entries. One bundle for 256 entries and one tile for 65,536 are read.
 * @throws TlogError fork with evidence; proof_mismatch, malformed_answer, not_found for tiles, entry_mismatch with
 * `index`, `expectedHash`, `actualHash` for an entry; unreachable; of a fatal kind: end the process
 */
export async function catchUp(deps: CatchUpDeps, state: LogState, next: NextHead): Promise<void> {
  const tiles = new TileCalls(deps.calls, next.signal);
  const tree = await TileTree.open(deps.hasher, tiles, next.head);
  if (state.record !== undefined)
    await checkPrefix(deps.hasher, tree, { older: state.record, newer: next.head });
  await new Growth(deps, { state, tiles, tree, next }).run();
}

interface GrowthParts {
  readonly state: LogState;
  readonly tiles: TileCalls;
  readonly tree: TileTree;
  readonly next: NextHead;
}

/** One way from a verified tree to a larger one. */
class Growth {
  readonly #deps: CatchUpDeps;
  readonly #parts: GrowthParts;
  #edge: Edge;
  #tiles: SealedTile[] = [];
  #bundles: { index: number; bytes: Uint8Array }[] = [];
  #bytes = 0;
  /** How many bundles of the size of the last one may be read before their turn; none before the first. */
  #ahead = 0;
  readonly #events: EventCheck | undefined;
  #lookedMs: number;

  constructor(deps: CatchUpDeps, parts: GrowthParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#edge = parts.state.edge;
    this.#lookedMs = deps.clock.monotonicMs();
    this.#events = deps.events ? new EventCheck(parts.state.edge.size) : undefined;
  }

  async run(): Promise<void> {
    const { state, next } = this.#parts;
    const { size, rootHash, note } = next.head;
    const end = Math.ceil(size / TILE_WIDTH);
    const bundles = new ReadAhead((index) => this.#read(index), { ahead: AHEAD, end });
    for (let index = this.#firstBundle(); index < end; index += 1) {
      next.signal?.throwIfAborted();
      await this.#take(index, await bundles.take(index, this.#ahead));
      if (this.#bytes >= STAGE_BYTES) await this.#stage();
      await this.#meanwhile();
    }
    if (!equalBytes(edgeRoot(this.#deps.hasher, this.#edge), rootHash))
      throw new TlogError('proof_mismatch', `the entries do not lead to the root hash of size ${size}`);
    await next.tell(this.#events?.found(size) ?? []);
    const rows = { tiles: this.#tiles, bundles: this.#bundles };
    await state.advance({ size, rootHash, note, timeSec: next.timeSec }, this.#edge, rows);
  }

  async #meanwhile(): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#lookedMs < MEANWHILE_MS) return;
    this.#lookedMs = nowMs;
    await this.#parts.next.meanwhile();
  }

  /** Of events, the one with the last verified entry is read once more: the next one must not be received before it. */
  #firstBundle(): number {
    const size = sizeOf(this.#parts.state.record);
    return Math.floor((this.#events === undefined || size === 0 ? size : size - 1) / TILE_WIDTH);
  }

  async #read(index: number): Promise<Uint8Array> {
    const { tiles, next } = this.#parts;
    const width = Math.min(TILE_WIDTH, next.head.size - index * TILE_WIDTH);
    const bytes = await tiles.bundle({ index, width });
    if (bytes !== undefined) return bytes;
    throw new TlogError('not_found', `the log lacks entry bundle ${index} of a tree that it signed`, {
      details: { place: `bundle ${index}` },
    });
  }

  async #take(index: number, bytes: Uint8Array): Promise<void> {
    const { hasher, mirror } = this.#deps;
    const width = Math.min(TILE_WIDTH, this.#parts.next.head.size - index * TILE_WIDTH);
    this.#ahead = Math.floor(AHEAD_BYTES / bytes.length);
    const entries = entriesOf(index, bytes, width);
    const hashes = entries.map((entry) => hasher.leafHash(entry));
    const known = this.#edge.size - index * TILE_WIDTH;
    const { edge, sealed } = growEdge(hasher, this.#edge, hashes.slice(known));
    // The nodes of new tiles are hashed once, for the check and for the edge.
    const own = known > 0 ? undefined : (sealed[0]?.nodes ?? edge.tiles[0]);
    await this.#checkLeaves(index, own ?? TileNodes.fromLeaves(hasher, concatBytes(...hashes)));
    for (const [i, entry] of entries.entries()) this.#events?.take(index * TILE_WIDTH + i, entry);
    this.#edge = edge;
    const kept = mirror ? sealed : sealed.filter(({ level }) => level > 0);
    this.#tiles.push(...kept);
    if (mirror) this.#bundles.push({ index, bytes });
    this.#bytes += kept.length * TILE_WIDTH * 32 + (mirror ? bytes.length : 0);
  }

  async #stage(): Promise<void> {
    await this.#parts.state.stage({ tiles: this.#tiles, bundles: this.#bundles });
    [this.#tiles, this.#bundles, this.#bytes] = [[], [], 0];
  }

  async #checkLeaves(index: number, leaves: TileNodes): Promise<void> {
    try {
      await this.#parts.tree.checkLeaves(index, leaves);
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'entry_mismatch') throw error;
      throw await this.#wrongEntry(index, leaves, error);
    }
  }

  /** Which entry it is, by the leaf hashes of the signed tree. @throws TlogError of the tile where that is the wrong one */
  async #wrongEntry(bundle: number, leaves: TileNodes, cause: TlogError): Promise<TlogError> {
    for (let i = 0; i < leaves.width; i += 1) {
      const [index, actual] = [bundle * TILE_WIDTH + i, leaves.node(0, i)];
      const expected = await this.#parts.tree.node({ level: 0, index });
      if (equalBytes(actual, expected)) continue;
      const details = { index, expectedHash: formatBase64(expected), actualHash: formatBase64(actual) };
      const message = `entry ${index} is not the one that the log has signed`;
      return new TlogError('entry_mismatch', message, { cause, details });
    }
    return cause;
  }
}

function entriesOf(index: number, bytes: Uint8Array, width: number): Uint8Array[] {
  try {
    return decodeBundle(bytes, { count: width });
  } catch (cause) {
    throw new TlogError('malformed_answer', `entry bundle ${index} is no bundle of ${width} entries`, {
      cause,
      details: { place: `bundle ${index}` },
    });
  }
}
