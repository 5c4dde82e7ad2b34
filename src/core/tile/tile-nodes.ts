import { HASH_BYTES, type Hash, type TreeHasher } from '../merkle/hasher.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tile.ts';

const NODES = 2 * TILE_WIDTH - 1;
/** Height whose hashes are stored beside the leaves: any node is then at most 15 hashes away. */
const MIDDLE_HEIGHT = 4;
const MIDDLE_COUNT = 16;

/**
 * The 511 nodes of one tile. Lower ones are given, upper ones hashed on demand and remembered. What it gives are
 * views of its memory (16 KiB): nobody may write to them. To its callers it is immutable.
 */
export class TileNodes {
  /** Number of leaves, 0 to 256. */
  readonly width: number;
  readonly #hasher: TreeHasher;
  /** All leaves, then the nodes of height 1, and so on up to the root. */
  readonly #bytes: Uint8Array;
  /** 1 for each node whose hash is in place. */
  readonly #known: Uint8Array;

  private constructor(hasher: TreeHasher, width: number, bytes: Uint8Array, known: Uint8Array) {
    this.width = width;
    this.#hasher = hasher;
    this.#bytes = bytes;
    this.#known = known;
  }

  /** A tile of width 0. */
  static empty(hasher: TreeHasher): TileNodes {
    return new TileNodes(hasher, 0, new Uint8Array(NODES * HASH_BYTES), new Uint8Array(NODES));
  }

  /** A tile of these leaves, width·32 bytes, copied. @throws RangeError unless 0 to 256 whole hashes */
  static fromLeaves(hasher: TreeHasher, hashes: Uint8Array): TileNodes {
    return TileNodes.empty(hasher).extended(hashes, 0, hashes.length / HASH_BYTES);
  }

  /**
   * A tile as it is stored, copied: its leaves and, for a full one, its 16 hashes of height 4, which are believed.
   * @throws RangeError for other lengths
   */
  static fromStored(hasher: TreeHasher, hashes: Uint8Array, middle?: Uint8Array): TileNodes {
    const tile = TileNodes.fromLeaves(hasher, hashes);
    if (middle === undefined) return tile;
    if (tile.width !== TILE_WIDTH || middle.length !== MIDDLE_COUNT * HASH_BYTES) {
      throw new RangeError(`${middle.length} bytes of middle hashes for a tile of width ${tile.width}`);
    }
    const start = position(MIDDLE_HEIGHT, 0);
    tile.#bytes.set(middle, start * HASH_BYTES);
    tile.#known.fill(1, start, start + MIDDLE_COUNT);
    return tile;
  }

  /** Hash of the offset-th node of a height, 0 (leaf) to 8 (root). @throws RangeError unless all its leaves are there */
  node(height: number, offset: number): Hash {
    const isHeight = Number.isInteger(height) && height >= 0 && height <= TILE_HEIGHT;
    const isOffset = Number.isInteger(offset) && offset >= 0;
    if (!isHeight || !isOffset || (offset + 1) * 2 ** height > this.width) {
      throw new RangeError(`node ${offset} of height ${height} is not in a tile of width ${this.width}`);
    }
    return this.#node(height, offset);
  }

  /** The first `width` leaf hashes, one after the other: the partial tile of that width. @throws RangeError above its own width */
  leaves(width: number): Uint8Array {
    if (!Number.isInteger(width) || width < 0 || width > this.width) {
      throw new RangeError(`width ${width} of a tile of width ${this.width}`);
    }
    return this.#bytes.subarray(0, width * HASH_BYTES);
  }

  /** The 16 hashes of height 4, one after the other. @throws RangeError unless the tile is full */
  middle(): Uint8Array {
    for (let offset = 0; offset < MIDDLE_COUNT; offset += 1) this.node(MIDDLE_HEIGHT, offset);
    const start = position(MIDDLE_HEIGHT, 0) * HASH_BYTES;
    return this.#bytes.subarray(start, start + MIDDLE_COUNT * HASH_BYTES);
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
    const bytes = this.#bytes.slice();
    bytes.set(hashes.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES), this.width * HASH_BYTES);
    return new TileNodes(this.#hasher, width, bytes, this.#known.slice().fill(1, this.width, width));
  }

  #node(height: number, offset: number): Hash {
    const at = position(height, offset);
    const view = this.#bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
    if (this.#known[at] === 1) return view;
    view.set(
      this.#hasher.nodeHash(this.#node(height - 1, 2 * offset), this.#node(height - 1, 2 * offset + 1)),
    );
    this.#known[at] = 1;
    return view;
  }
}

/** Place of a node among the 511: heights below hold 256 + 128 + … nodes. */
function position(height: number, offset: number): number {
  return 2 * TILE_WIDTH - (2 * TILE_WIDTH) / 2 ** height + offset;
}
