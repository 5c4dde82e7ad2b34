import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { bundleKey } from '../store/rows.ts';
import type { CheckDeps } from './check-bundle.ts';

/** Entries of the tree that readers see; undefined where one is not in it yet, or is damaged: that is found in its turn. */
export async function entriesOf(
  deps: CheckDeps,
  log: StoredLog,
  start: number,
  end: number,
): Promise<readonly Uint8Array[] | undefined> {
  const { state } = log.tree();
  const entries: Uint8Array[] = [];
  if (end > state.size) return undefined;
  for (let bundle = Math.floor(start / TILE_WIDTH); bundle * TILE_WIDTH < end; bundle += 1) {
    const base = bundle * TILE_WIDTH;
    const isOpen = base === state.size - state.openEntries.length;
    const all = isOpen ? state.openEntries : await soundBundle(deps, bundle);
    if (all === undefined) return undefined;
    entries.push(...all.slice(Math.max(0, start - base), end - base));
  }
  return entries;
}

async function soundBundle(
  { rows, tiles, hasher, slices }: CheckDeps,
  index: number,
): Promise<readonly Uint8Array[] | undefined> {
  const row = await rows.read(bundleKey(index));
  if ('damage' in row) return undefined;
  try {
    const entries = decodeBundle(row.value, { count: TILE_WIDTH });
    for (const [i, entry] of entries.entries()) {
      const expected = await tiles.hash(0, index * TILE_WIDTH + i);
      if (expected === undefined || !equalBytes(hasher.leafHash(entry), expected)) return undefined;
      await slices.spent(entry.length);
    }
    return entries;
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
