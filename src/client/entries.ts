import { concatBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import type { LogCalls } from './log-calls.ts';
import { ReadAhead } from './read-ahead.ts';
import { TileCalls } from './tile-calls.ts';
import { TileTree, type TreeHead } from './tile-tree.ts';

/** An entry in its place, in memory of its own. */
export interface LogEntry {
  readonly index: LeafIndex;
  readonly entry: Uint8Array;
}

/** Entries [start, end) of the tree of `head`; `ahead` bundles, of at most 16 MiB each, are read before their turn. */
export interface EntryRange {
  readonly head: TreeHead;
  readonly start: number;
  readonly end: number;
  readonly ahead: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Entries from their bundles, each checked against the head before it is given out. Reads one bundle for 256 entries
 * and one tile for 65,536, and stops reading when the caller stops.
 * @throws TlogError entry_mismatch, proof_mismatch, malformed_answer, not_found, unreachable
 */
export async function* verifiedEntries(
  deps: { readonly calls: LogCalls; readonly hasher: TreeHasher },
  { head, start, end, ahead, signal }: EntryRange,
): AsyncGenerator<LogEntry, void, undefined> {
  if (start >= end) return;
  const stop = new AbortController();
  const ending = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const tiles = new TileCalls(deps.calls, ending);
  const bundles = new ReadAhead((index) => readBundle(tiles, index, head.size), {
    ahead,
    end: Math.ceil(end / TILE_WIDTH),
  });
  try {
    const tree = await TileTree.open(deps.hasher, tiles, head);
    for (let at = start; at < end; ) {
      const bundle = Math.floor(at / TILE_WIDTH);
      const entries = await bundles.take(bundle);
      const hashes = entries.map((entry) => deps.hasher.leafHash(entry));
      await tree.checkLeaves(bundle, TileNodes.fromLeaves(deps.hasher, concatBytes(...hashes)));
      for (const last = Math.min(end, (bundle + 1) * TILE_WIDTH); at < last; at += 1) {
        const entry = entries[at % TILE_WIDTH];
        if (entry === undefined) throw new RangeError(`bundle ${bundle} lacks entry ${at}`);
        yield { index: leafIndex(at), entry: entry.slice() };
      }
    }
  } finally {
    stop.abort();
  }
}

async function readBundle(tiles: TileCalls, index: number, size: number): Promise<Uint8Array[]> {
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
  const entries = await tiles.entries({ index, width });
  if (entries !== undefined) return entries;
  throw new TlogError('not_found', `the log lacks entry bundle ${index} of a tree that it signed`);
}
