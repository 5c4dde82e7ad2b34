import { HEADS_PAGE_MAX, readHeads } from '../client/answers.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { ReadAhead } from '../client/read-ahead.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { TlogError } from '../core/error.ts';
import type { BundleId } from '../core/tile/path.ts';
import { TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import type { TreeSize } from '../core/units.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { FsckSource } from './fsck-log.ts';

/** Bundles and tiles of level 0 that are read before their turn; a bundle has at most 16 MiB. */
const AHEAD = 3;
/** A page of 1,000 notes with some cosignatures each. */
const HEADS_BYTES_MAX = 64 * 1024 * 1024;

type Bytes = Uint8Array | undefined;

/** A served log as fsck reads it, in order: nothing of it is believed but the head, which the caller has verified. */
export class RemoteLog implements FsckSource {
  readonly head: SignedHead;
  readonly #calls: LogCalls;
  readonly #tiles: TileCalls;
  readonly #bundlesAhead: ReadAhead<Bytes>;
  readonly #leavesAhead: ReadAhead<Bytes>;

  constructor(calls: LogCalls, head: SignedHead) {
    this.head = head;
    this.#calls = calls;
    this.#tiles = new TileCalls(calls);
    const limits = { ahead: AHEAD, end: Math.ceil(head.size / TILE_WIDTH) };
    this.#bundlesAhead = new ReadAhead((index) => this.#tiles.bundle(this.#place(index)), limits);
    this.#leavesAhead = new ReadAhead(
      (index) => this.#tiles.tile({ level: 0, ...this.#place(index) }),
      limits,
    );
  }

  readTile(tile: TileId): Promise<Bytes> {
    return tile.level === 0 ? this.#leavesAhead.take(tile.index) : this.#tiles.tile(tile);
  }

  readBundle({ index }: BundleId): Promise<Bytes> {
    return this.#bundlesAhead.take(index);
  }

  /** None where the log lists none, as a folder of tiles does. */
  async keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]> {
    const path = `checkpoints?from=${from}`;
    try {
      const { fields } = await this.#calls.askFields({ path, bytesMax: HEADS_BYTES_MAX });
      return readHeads(fields, from).slice(0, Math.min(limit, HEADS_PAGE_MAX));
    } catch (error) {
      if (error instanceof TlogError && error.kind === 'absent') return [];
      throw error;
    }
  }

  /** All that the tree of the head has of bundle `index`: what fsck asks for. */
  #place(index: number): BundleId {
    return { index, width: Math.min(TILE_WIDTH, this.head.size - index * TILE_WIDTH) };
  }
}
