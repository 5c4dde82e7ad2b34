import { TlogError } from '../core/error.ts';
import { HASH_BYTES } from '../core/merkle/hasher.ts';
import { decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from '../core/tile/bundle.ts';
import { type BundleId, formatBundlePath, formatTilePath } from '../core/tile/path.ts';
import { TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import type { LogCalls } from './log-calls.ts';

const BUNDLE_ENTRY_BYTES_MAX = 2 + ENTRY_BYTES_MAX;

/**
 * Tiles and entry bundles of a log (c2sp.org/tlog-tiles), unverified. Where a partial one is gone, the full one that
 * took its place is asked for and cut: its prefix is the same.
 */
export class TileCalls {
  readonly #calls: LogCalls;
  readonly #signal: AbortSignal | undefined;

  constructor(calls: LogCalls, signal?: AbortSignal) {
    this.#calls = calls;
    this.#signal = signal;
  }

  /** width·32 bytes; undefined when the log does not have it. @throws TlogError malformed_answer, as LogCalls.ask */
  async tile(tile: TileId): Promise<Uint8Array | undefined> {
    const length = tile.width * HASH_BYTES;
    const bytes = await this.#find(formatTilePath(tile), length);
    if (bytes !== undefined) return exactly(bytes, length, tile);
    if (tile.width === TILE_WIDTH) return undefined;
    return (await this.tile({ ...tile, width: TILE_WIDTH }))?.subarray(0, length);
  }

  /** The bundle of exactly `width` entries; undefined when the log does not have it. @throws as `tile` */
  async bundle(bundle: BundleId): Promise<Uint8Array | undefined> {
    const bytes = await this.#find(formatBundlePath(bundle), bundle.width * BUNDLE_ENTRY_BYTES_MAX);
    if (bytes !== undefined || bundle.width === TILE_WIDTH) return bytes;
    const full = { ...bundle, width: TILE_WIDTH };
    const entries = await this.entries(full);
    return entries === undefined ? undefined : encodeBundle(entries.slice(0, bundle.width));
  }

  /** The entries of a bundle, as views of its bytes. @throws as `tile` */
  async entries(bundle: BundleId): Promise<Uint8Array[] | undefined> {
    const bytes = await this.bundle(bundle);
    try {
      return bytes === undefined ? undefined : decodeBundle(bytes, { count: bundle.width });
    } catch (cause) {
      const url = this.#calls.urlOf(formatBundlePath(bundle));
      throw new TlogError('malformed_answer', `${url} is no bundle of ${bundle.width} entries`, { cause });
    }
  }

  #find(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    return this.#calls.find({ path, bytesMax, signal: this.#signal });
  }
}

function exactly(bytes: Uint8Array, length: number, tile: TileId): Uint8Array {
  if (bytes.length === length) return bytes;
  const message = `${formatTilePath(tile)} has ${bytes.length} bytes, not ${length}`;
  throw new TlogError('malformed_answer', message, {
    details: { place: `tile ${tile.level}/${tile.index}` },
  });
}
