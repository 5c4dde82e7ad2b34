import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { HASH_BYTES } from '../core/merkle/hasher.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import { decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from '../core/tile/bundle.ts';
import { type BundleId, formatBundlePath, formatTilePath } from '../core/tile/path.ts';
import { TILE_WIDTH, type TileId } from '../core/tile/tile.ts';

/**
 * Tiles and bundles as plain files under the paths of c2sp.org/tlog-tiles; nothing of them is believed. Where a partial
 * one is gone, the full one that took its place is read and cut.
 */
export class TileFolder {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The signed note as it lies there; undefined without one. */
  async checkpoint(): Promise<Uint8Array | undefined> {
    return readBounded(join(this.#root, 'checkpoint'), NOTE_BYTES_MAX);
  }

  /** width·32 bytes; undefined when the folder does not have them. */
  async tile(tile: TileId): Promise<Uint8Array | undefined> {
    const length = tile.width * HASH_BYTES;
    const bytes = await readBounded(join(this.#root, formatTilePath(tile)), length);
    if (bytes?.length === length) return bytes;
    if (tile.width === TILE_WIDTH) return undefined;
    return (await this.tile({ ...tile, width: TILE_WIDTH }))?.subarray(0, length);
  }

  /** The bundle of `width` entries, unless it is cut from a full one as it lies there; undefined when the folder has none to give. */
  async bundle(bundle: BundleId): Promise<Uint8Array | undefined> {
    const bytes = await readBounded(
      join(this.#root, formatBundlePath(bundle)),
      bundle.width * (2 + ENTRY_BYTES_MAX),
    );
    if (bytes !== undefined || bundle.width === TILE_WIDTH) return bytes;
    const full = await this.bundle({ ...bundle, width: TILE_WIDTH });
    return full === undefined ? undefined : prefixOf(full, bundle.width);
  }
}

function prefixOf(full: Uint8Array, width: number): Uint8Array | undefined {
  try {
    return encodeBundle(decodeBundle(full, { count: TILE_WIDTH }).slice(0, width));
  } catch (error) {
    if (error instanceof TlogError) return undefined; // no bundle: the same as none
    throw error;
  }
}

/** A pipe without a writer must not hold up the open. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** A plain file of at most so many bytes; undefined when there is none, or a longer one. */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const file = await open(path, READ).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat();
    // A device has no size and no end.
    return stat.isFile() && stat.size <= bytesMax ? new Uint8Array(await file.readFile()) : undefined;
  } finally {
    await file.close();
  }
}
