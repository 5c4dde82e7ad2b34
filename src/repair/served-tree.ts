import { HEADS_PAGE_MAX, readHeads } from '../client/answers.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { TlogError } from '../core/error.ts';
import type { BundleId } from '../core/tile/path.ts';
import type { TileId } from '../core/tile/tile.ts';
import { treeSize } from '../core/units.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { TreeSource } from './tree-source.ts';

const HEADS_BYTES_MAX = 64 * 1024 * 1024;

/** A mirror, or any server of c2sp.org/tlog-tiles. Answers that are none count as not there; no answer is an error. */
export class ServedTree implements TreeSource {
  readonly #calls: LogCalls;
  readonly #tiles: TileCalls;

  constructor(calls: LogCalls, signal?: AbortSignal) {
    this.#calls = calls;
    this.#tiles = new TileCalls(calls, signal);
  }

  tile(tile: TileId): Promise<Uint8Array | undefined> {
    return orNothing(() => this.#tiles.tile(tile));
  }

  bundle(bundle: BundleId): Promise<Uint8Array | undefined> {
    return orNothing(() => this.#tiles.bundle(bundle));
  }

  /** None where the server lists none, as a folder of tiles does. */
  async *heads(): AsyncGenerator<SignedHead> {
    for (let from = 0; ; ) {
      const path = `checkpoints?from=${from}`;
      const answer = await orNothing(() => this.#calls.askFields({ path, bytesMax: HEADS_BYTES_MAX }));
      if (answer === undefined) return;
      const page = readHeads(answer.fields, treeSize(from));
      yield* page;
      const last = page.at(-1);
      if (page.length < HEADS_PAGE_MAX || last === undefined) return;
      from = last.size + 1;
    }
  }
}

async function orNothing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    const isNothing =
      error instanceof TlogError && (error.kind === 'absent' || error.code === 'malformed_answer');
    if (isNothing) return undefined;
    throw error;
  }
}
