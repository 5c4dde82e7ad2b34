import { concatBytes } from '../bytes.ts';
import { HASH_BYTES, type Hash, type TreeHasher } from '../merkle/hasher.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tile.ts';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** Inner nodes of a full tile: 128 of height 1, then 64 of height 2, and so on up to the root. */
const INNER_NODES = TILE_WIDTH - 1;
/** Heights whose hashes are stored beside the leaves: a node is then at most 3 hashes away. */
const KEPT_HEIGHTS: readonly number[] = [3, 6];
/** What the first rows had instead; they are read as they are. */
const KEPT_HEIGHTS_BEFORE: readonly number[] = [4];

/** Hashed nodes of a stored tile that are not remembered: those of two or three proofs. */
const ASKED_SELDOM = 16;

/**
 * The 511 nodes of one tile. Leaves are given, inner nodes hashed on demand and remembered: at once in a tile that grows, in
 * a stored one when it is asked again and again. Till then that stays as small as its row. What it gives are views of its
 * memory: nobody may write to them. To its callers it is immutable.
 */
export class TileNodes {
  /** Number of leaves, 0 to 256. */
  readonly width: number;
  readonly #hasher: TreeHasher;
  readonly #leaves: Uint8Array;
  /** Made when an inner node is to be remembered: many a tile is only served. */
  #inner: InnerNodes | undefined;
  readonly #kept: KeptNodes | undefined;
  /** How often a node was asked for that is neither stored nor remembered; counted up to where they are. */
  #asked = 0;

  private constructor(hasher: TreeHasher, leaves: Uint8Array, inner?: InnerNodes, kept?: KeptNodes) {
    this.width = leaves.length / HASH_BYTES;
    this.#hasher = hasher;
    this.#leaves = leaves;
    this.#inner = inner;
    this.#kept = kept;
  }

  /** A tile of width 0. */
  static empty(hasher: TreeHasher): TileNodes {
    return new TileNodes(hasher, new Uint8Array(0));
  }

  /** A tile of these leaves, width·32 bytes, which it keeps: nobody may write to them any more. @throws RangeError unless 0 to 256 whole hashes */
  static fromLeaves(hasher: TreeHasher, hashes: Uint8Array): TileNodes {
    const width = hashes.length / HASH_BYTES;
    if (!Number.isInteger(width) || width > TILE_WIDTH)
      throw new RangeError(`a tile of ${hashes.length} bytes`);
    return new TileNodes(hasher, hashes);
  }

  /**
   * A full tile as it is stored, kept as `fromLeaves` does: its leaves, then what `kept` gave, which is believed.
   * Undefined for bytes of another length.
   */
  static fromStored(hasher: TreeHasher, stored: Uint8Array): TileNodes | undefined {
    const [leaves, kept] = [stored.subarray(0, TILE_BYTES), stored.subarray(TILE_BYTES)];
    const heights = [KEPT_HEIGHTS, KEPT_HEIGHTS_BEFORE].find((each) => keptBytes(each) === kept.length);
    return heights && new TileNodes(hasher, leaves, undefined, { bytes: kept, heights });
  }

  /** Hash of the offset-th node of a height, 0 (leaf) to 8 (root). @throws RangeError unless all its leaves are there */
  node(height: number, offset: number): Hash {
    const isHeight = Number.isInteger(height) && height >= 0 && height <= TILE_HEIGHT;
    const isOffset = Number.isInteger(offset) && offset >= 0;
    if (!isHeight || !isOffset || (offset + 1) * 2 ** height > this.width) {
      throw new RangeError(`node ${offset} of height ${height} is not in a tile of width ${this.width}`);
    }
    if (height === 0) return hashAt(this.#leaves, offset);
    const stored = this.#keptNode(height, offset);
    if (stored !== undefined) return stored;
    if (this.#inner === undefined && this.#isSeldomAsked()) return this.#hashed(height, offset);
    this.#inner ??= newInner();
    return this.#node(this.#inner, height, offset);
  }

  /** Whether remembering would cost a stored tile more than it saves. */
  #isSeldomAsked(): boolean {
    this.#asked += 1;
    return this.#kept !== undefined && this.#asked <= ASKED_SELDOM;
  }

  /** The first `width` leaf hashes, one after the other: the partial tile of that width. @throws RangeError above its own width */
  leaves(width: number): Uint8Array {
    if (!Number.isInteger(width) || width < 0 || width > this.width) {
      throw new RangeError(`width ${width} of a tile of width ${this.width}`);
    }
    return this.#leaves.subarray(0, width * HASH_BYTES);
  }

  /** The inner hashes that are stored beside the leaves: 32 of height 3, then 4 of height 6. @throws RangeError unless the tile is full */
  kept(): Uint8Array {
    const ofHeight = (height: number): Hash[] =>
      Array.from({ length: TILE_WIDTH / 2 ** height }, (_, offset) => this.node(height, offset));
    return concatBytes(...KEPT_HEIGHTS.flatMap(ofHeight));
  }

  /**
   * A copy with `count` more leaves, the hashes number `from` and on of `hashes` (32 bytes each). This one stays.
   * @throws RangeError when they do not fit or are not there
   */
  extended(hashes: Uint8Array, from: number, count: number): TileNodes {
    const width = this.width + count;
    const fits =
      Number.isInteger(from) && from >= 0 && Number.isInteger(count) && count >= 0 && width <= TILE_WIDTH;
    if (!fits || (from + count) * HASH_BYTES > hashes.length) {
      throw new RangeError(
        `${count} more leaves from ${from} of ${hashes.length} bytes, on a tile of width ${this.width}`,
      );
    }
    const leaves = new Uint8Array(width * HASH_BYTES);
    leaves.set(this.#leaves);
    leaves.set(hashes.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES), this.width * HASH_BYTES);
    const inner = this.#inner && { bytes: this.#inner.bytes.slice(), known: this.#inner.known.slice() };
    return new TileNodes(this.#hasher, leaves, inner);
  }

  #keptNode(height: number, offset: number): Hash | undefined {
    const at = this.#kept && placeOfKept(this.#kept.heights, height, offset);
    return this.#kept && at !== undefined ? hashAt(this.#kept.bytes, at) : undefined;
  }

  /** From the nodes below, without remembering any. */
  #hashed(height: number, offset: number): Hash {
    if (height === 0) return hashAt(this.#leaves, offset);
    const kept = this.#keptNode(height, offset);
    if (kept !== undefined) return kept;
    const left = this.#hashed(height - 1, 2 * offset);
    return this.#hasher.nodeHash(left, this.#hashed(height - 1, 2 * offset + 1));
  }

  #node(inner: InnerNodes, height: number, offset: number): Hash {
    if (height === 0) return hashAt(this.#leaves, offset);
    const kept = this.#keptNode(height, offset);
    if (kept !== undefined) return kept;
    const at = position(height, offset);
    const view = hashAt(inner.bytes, at);
    if (inner.known[at] === 1) return view;
    const left = this.#node(inner, height - 1, 2 * offset);
    view.set(this.#hasher.nodeHash(left, this.#node(inner, height - 1, 2 * offset + 1)));
    inner.known[at] = 1;
    return view;
  }
}

interface InnerNodes {
  readonly bytes: Uint8Array;
  /** 1 for each node whose hash is in place. */
  readonly known: Uint8Array;
}

/** Inner nodes of a stored tile: all of some heights, the lowest first. */
interface KeptNodes {
  readonly bytes: Uint8Array;
  readonly heights: readonly number[];
}

function newInner(): InnerNodes {
  return { bytes: new Uint8Array(INNER_NODES * HASH_BYTES), known: new Uint8Array(INNER_NODES) };
}

function keptBytes(heights: readonly number[]): number {
  return heights.reduce((sum, height) => sum + (TILE_WIDTH / 2 ** height) * HASH_BYTES, 0);
}

/** Place of an inner node among those of the kept heights; undefined when its height is not kept. */
function placeOfKept(heights: readonly number[], height: number, offset: number): number | undefined {
  let before = 0;
  for (const each of heights) {
    if (each === height) return before + offset;
    before += TILE_WIDTH / 2 ** each;
  }
  return undefined;
}

function hashAt(bytes: Uint8Array, at: number): Hash {
  return bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}

/** Place of an inner node: the heights below hold 128 + 64 + … nodes. */
function position(height: number, offset: number): number {
  return TILE_WIDTH - TILE_WIDTH / 2 ** (height - 1) + offset;
}
