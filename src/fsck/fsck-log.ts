import { equalBytes } from '../core/bytes.ts';
import { type ErrorCode, TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { type Edge, edgeRoot, emptyEdge, growEdge, type SealedTile } from '../core/tile/edge.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { treeSize } from '../core/units.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';
import { type RowPart, rowPlace } from '../store/row-place.ts';

const HASH_BYTES = 32;
const HEADS_PER_READ = 1_000;
const DAMAGE: readonly ErrorCode[] = ['storage_corrupt', 'malformed_answer'];

/** What fsck reads of a log. */
export type FsckSource = Pick<Log, 'head' | 'readTile' | 'readBundle' | 'keptHeads'>;

export interface FsckDeps {
  readonly hasher: TreeHasher;
  /** Checks the signature of a kept head and that its note says this size and root; throws a TlogError if not. */
  readonly verifyHead: (head: SignedHead) => void | Promise<void>;
  /** Called after each bundle. */
  readonly onProgress?: (progress: { readonly entries: number; readonly size: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * The first thing that is not as the entries say. `index` is a leaf, bundle or tile index, or a head's size; of a stored log also that
 * of any row that could not be read, 0 where it has none.
 */
export interface FsckDifference {
  readonly part: 'entry' | RowPart;
  readonly index: number;
  /** Tile level; only of a tile. */
  readonly level?: number;
  readonly message: string;
}

export interface FsckResult {
  readonly entries: number;
  readonly tiles: number;
  readonly heads: number;
  /** Absent when all is right; what comes after a difference was not looked at. */
  readonly difference?: FsckDifference;
}

class Found extends Error {
  readonly difference: FsckDifference;

  constructor(difference: FsckDifference) {
    super(difference.message);
    this.difference = difference;
  }
}

/**
 * Re-hashes every entry up to the log head as it is now, and compares every tile and kept head with the result.
 * Stops at the first difference. One bundle and one tile are held at a time. Errors of reading other than damage
 * are thrown, as is the reason of `signal`.
 */
export async function fsckLog(source: FsckSource, deps: FsckDeps): Promise<FsckResult> {
  const run = new FsckRun(source, deps);
  try {
    await run.check();
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    return { ...run.counts, difference: error.difference };
  }
  return run.counts;
}

class FsckRun {
  readonly counts: { entries: number; tiles: number; heads: number } = { entries: 0, tiles: 0, heads: 0 };
  readonly #source: FsckSource;
  readonly #deps: FsckDeps;
  readonly #head: SignedHead;
  #edge: Edge;
  /** Kept heads that are still to be compared, ascending. */
  #heads: SignedHead[] = [];
  /** Where the next read of kept heads starts. */
  #headsFrom = 0;

  constructor(source: FsckSource, deps: FsckDeps) {
    this.#source = source;
    this.#deps = deps;
    this.#head = source.head;
    this.#edge = emptyEdge(deps.hasher);
  }

  async check(): Promise<void> {
    const { size } = this.#head;
    await this.#checkHeads();
    for (let index = 0; index * TILE_WIDTH < size; index += 1) {
      this.#deps.signal?.throwIfAborted();
      await this.#checkBundle(index, Math.min(TILE_WIDTH, size - index * TILE_WIDTH));
      this.#deps.onProgress?.({ entries: this.counts.entries, size });
    }
    for (const [level, nodes] of this.#edge.tiles.entries()) {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      if (level > 0 && nodes.width > 0) await this.#checkTile({ level, index, nodes });
    }
    await this.#checkHead(this.#head);
  }

  async #checkBundle(index: number, width: number): Promise<void> {
    const bundle = await reading({ part: 'bundle', index }, () => this.#source.readBundle({ index, width }));
    const tile = { level: 0, index, width };
    const stored = await reading({ part: 'tile', ...tile }, () => this.#source.readTile(tile));
    const hashes = this.#leafHashes(index, bundle, width);
    const wrong = firstDifference(hashes, stored);
    if (wrong !== undefined) {
      const message = `entry ${index * TILE_WIDTH + wrong} does not match its leaf hash in tile 0/${index}`;
      throw new Found({ part: 'entry', index: index * TILE_WIDTH + wrong, message });
    }
    this.counts.tiles += 1;
    await this.#grow(hashes);
  }

  #leafHashes(index: number, bundle: Uint8Array, width: number): Hash[] {
    try {
      return decodeBundle(bundle, { count: width }).map((entry) => this.#deps.hasher.leafHash(entry));
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      throw new Found({ part: 'bundle', index, message: `entry bundle ${index}: ${error.message}` });
    }
  }

  /** Grows the tree, with a stop at every size that a kept head speaks of. */
  async #grow(hashes: readonly Hash[]): Promise<void> {
    for (let at = 0; at < hashes.length; ) {
      const next = this.#heads[0]?.size ?? Number.POSITIVE_INFINITY;
      const end = Math.min(hashes.length, at + next - this.#edge.size);
      const { edge, sealed } = growEdge(this.#deps.hasher, this.#edge, hashes.slice(at, end));
      this.#edge = edge;
      this.counts.entries += end - at;
      at = end;
      for (const tile of sealed) if (tile.level > 0) await this.#checkTile(tile);
      await this.#checkHeads();
    }
  }

  async #checkTile({ level, index, nodes }: SealedTile): Promise<void> {
    const tile = { level, index, width: nodes.width };
    const stored = await reading({ part: 'tile', level, index }, () => this.#source.readTile(tile));
    if (!equalBytes(stored, nodes.leaves(nodes.width))) {
      throw new Found({
        part: 'tile',
        level,
        index,
        message: `tile ${level}/${index} is not what lies below it`,
      });
    }
    this.counts.tiles += 1;
  }

  /** Compares the kept heads of the present size and looks up those that come next. */
  async #checkHeads(): Promise<void> {
    const { size } = this.#edge;
    if (this.#heads.length === 0) await this.#nextHeads();
    for (let head = this.#heads[0]; head !== undefined && head.size <= size; head = this.#heads[0]) {
      this.#heads.shift();
      await this.#checkHead(head);
      if (this.#heads.length === 0) await this.#nextHeads();
    }
  }

  /** The head itself is compared at the end; what was signed since the start is not ours to check. */
  async #nextHeads(): Promise<void> {
    if (this.#headsFrom >= this.#head.size) return;
    const heads = await this.#readHeads(this.#headsFrom);
    this.#headsFrom = (heads.at(-1)?.size ?? this.#head.size) + 1;
    this.#heads = heads.filter((head) => head.size < this.#head.size);
  }

  async #readHeads(from: number): Promise<readonly SignedHead[]> {
    try {
      return await this.#source.keptHeads(treeSize(from), HEADS_PER_READ);
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'storage_corrupt') throw error;
      const { row } = error.details;
      const size = typeof row === 'string' ? rowPlace(Buffer.from(row, 'hex')).index : undefined;
      throw new Found({ part: 'head', index: size ?? from, message: error.message });
    }
  }

  async #checkHead(head: SignedHead): Promise<void> {
    const { size } = head;
    if (size !== this.#edge.size || !equalBytes(edgeRoot(this.#deps.hasher, this.#edge), head.rootHash)) {
      const message = `the head of size ${size} has another root hash than its entries`;
      throw new Found({ part: 'head', index: size, message });
    }
    try {
      await this.#deps.verifyHead(head);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      throw new Found({ part: 'head', index: size, message: `the head of size ${size}: ${error.message}` });
    }
    this.counts.heads += 1;
  }
}

/** What is read, or the difference that it is not there or damaged. */
async function reading(
  place: { readonly part: 'bundle' | 'tile'; readonly index: number; readonly level?: number },
  read: () => Uint8Array | undefined | Promise<Uint8Array | undefined>,
): Promise<Uint8Array> {
  const { part, index } = place;
  const name = place.level === undefined ? `bundle ${index}` : `tile ${place.level}/${index}`;
  const at = place.level === undefined ? { part, index } : { part, index, level: place.level };
  try {
    const bytes = await read();
    if (bytes !== undefined) return bytes;
  } catch (error) {
    // Stored bytes that failed their check, or an answer that is no tile or bundle: what is there is damaged.
    const isDamage = error instanceof TlogError && DAMAGE.includes(error.code);
    if (!isDamage) throw error;
    throw new Found({ ...at, ...placeOf(error), message: `${name}: ${error.message}` });
  }
  throw new Found({ ...at, message: `${name} is missing` });
}

/** The row that could not be read, which may be another one than was asked for: a partial bundle is made of many. */
function placeOf({ details: { row } }: TlogError): Partial<FsckDifference> {
  return typeof row === 'string' ? { index: 0, ...rowPlace(Buffer.from(row, 'hex')) } : {};
}

function firstDifference(hashes: readonly Hash[], stored: Uint8Array): number | undefined {
  const wrong = hashes.findIndex(
    (hash, i) => !equalBytes(hash, stored.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
  );
  return wrong === -1 ? undefined : wrong;
}
