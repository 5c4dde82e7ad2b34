import { concatBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { HASH_BYTES, type TreeHasher } from '../core/merkle/hasher.ts';
import { decodeBundle, encodeBundle } from '../core/tile/bundle.ts';
import type { BundleId } from '../core/tile/path.ts';
import { TILE_HEIGHT, TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { RowReader } from '../scrub/row-reader.ts';
import { tileOf } from '../scrub/verified-tiles.ts';
import { keptHeadOf } from '../sequencer/kept-heads.ts';
import type { SignedHead } from '../sequencer/log.ts';
import {
  bundleKey,
  decodeKept,
  decodeRetry,
  edgeKey,
  edgeStart,
  type KeyedRetry,
  LETTER,
  tileKey,
} from '../store/rows.ts';
import type { TreeSource } from './tree-source.ts';

/** The rows of a log's database as a source: what passes its check is offered, whether it is right or not. */
export class StoredTree implements TreeSource {
  readonly #hasher: TreeHasher;
  readonly #rows: RowReader;

  constructor(hasher: TreeHasher, rows: RowReader) {
    this.#hasher = hasher;
    this.#rows = rows;
  }

  async tile({ level, index, width }: TileId): Promise<Uint8Array | undefined> {
    const row = await this.#rows.read(tileKey(level, index));
    const nodes = 'value' in row ? tileOf(this.#hasher, row.value) : undefined;
    return nodes?.leaves(width);
  }

  async bundle({ index, width }: BundleId): Promise<Uint8Array | undefined> {
    const row = await this.#rows.read(bundleKey(index));
    const entries = 'value' in row ? decoded(row.value, TILE_WIDTH) : undefined;
    if (entries !== undefined) return encodeBundle(entries.slice(0, width));
    return width === TILE_WIDTH ? undefined : this.#openBundle(index * TILE_WIDTH, width);
  }

  /** The entries of the open bundle from the records of their commits. */
  async #openBundle(start: number, width: number): Promise<Uint8Array | undefined> {
    const entries: Uint8Array[] = [];
    for (const { key, ...row } of await this.#rows.page(LETTER.edge, before(start), TILE_WIDTH)) {
      const more = 'value' in row ? decoded(row.value) : undefined;
      if (more === undefined || edgeStart(key) !== start + entries.length) break;
      entries.push(...more);
    }
    return entries.length < width ? undefined : encodeBundle(entries.slice(0, width));
  }

  async *heads(): AsyncGenerator<SignedHead> {
    for await (const { value } of this.#values(LETTER.kept)) {
      const head = tolerant(() => keptHeadOf(decodeKept(value).note));
      if (head !== undefined) yield head;
    }
  }

  async *retries(): AsyncGenerator<KeyedRetry> {
    for await (const { key, value } of this.#values(LETTER.retry)) {
      const row = tolerant(() => decodeRetry(value));
      if (row !== undefined) yield { ...row, key: key.slice(1) };
    }
  }

  async *#values(letter: number): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    for await (const page of this.#rows.pages(letter)) for (const row of page) if ('value' in row) yield row;
  }
}

/**
 * Tiles that are lost, made again from what lies below them in a source: from the tiles below, or, as `entries` says, from
 * the entries alone, since a tile below may be wrong and yet right in itself.
 */
export class DerivedTiles implements TreeSource {
  readonly #hasher: TreeHasher;
  readonly #source: TreeSource;
  readonly #from: 'tiles' | 'entries';

  constructor(hasher: TreeHasher, source: TreeSource, from: 'tiles' | 'entries') {
    this.#hasher = hasher;
    this.#source = source;
    this.#from = from;
  }

  async tile({ level, index, width }: TileId): Promise<Uint8Array | undefined> {
    if (level === 0) return this.#leaves({ index, width });
    const roots: Uint8Array[] = [];
    for (let i = 0; i < width; i += 1) {
      const child = { level: level - 1, index: index * TILE_WIDTH + i, width: TILE_WIDTH };
      const stored = this.#from === 'tiles' ? await this.#source.tile(child) : undefined;
      const hashes = stored ?? (await this.tile(child));
      if (hashes === undefined) return undefined;
      roots.push(TileNodes.fromLeaves(this.#hasher, hashes.slice()).node(TILE_HEIGHT, 0));
    }
    return concatBytes(...roots);
  }

  async #leaves(bundle: BundleId): Promise<Uint8Array | undefined> {
    const bytes = await this.#source.bundle(bundle);
    const entries = bytes === undefined ? undefined : decoded(bytes, bundle.width);
    if (entries === undefined) return undefined;
    const hashes = new Uint8Array(bundle.width * HASH_BYTES);
    for (const [i, entry] of entries.entries()) hashes.set(this.#hasher.leafHash(entry), i * HASH_BYTES);
    return hashes;
  }

  async bundle(): Promise<undefined> {
    return undefined;
  }
}

/** The entries of a bundle; undefined when it is none, or of another number of them. */
export function decoded(bytes: Uint8Array, count?: number): readonly Uint8Array[] | undefined {
  return tolerant(() => decodeBundle(bytes, count === undefined ? {} : { count }));
}

/** The key right before the first that may have a record. */
function before(start: number): Uint8Array | undefined {
  return start === 0 ? undefined : edgeKey(start - 1);
}

/** What is read; undefined where it is not in its form. */
export function tolerant<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
