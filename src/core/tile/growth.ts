import type { TreeSize } from '../units.ts';
import { TILE_WIDTH, type TileId } from './tile.ts';

/**
 * Every tile that the tree of `newSize` has and that of `oldSize` has not, partial ones included, by level and
 * index. Of each place only the widest width: narrower ones are its prefixes. About (newSize - oldSize) / 255 of them.
 * @throws RangeError if oldSize > newSize
 */
export function planGrowth(oldSize: TreeSize, newSize: TreeSize): TileId[] {
  if (oldSize > newSize) throw new RangeError(`old size ${oldSize} is above new size ${newSize}`);
  const tiles: TileId[] = [];
  let level = 0;
  for (let span = 1; span <= newSize; span *= TILE_WIDTH) {
    tiles.push(...growthOfLevel(level, Math.floor(oldSize / span), Math.floor(newSize / span)));
    level += 1;
  }
  return tiles;
}

/** `oldCount` and `newCount` are hashes at this level. */
function* growthOfLevel(level: number, oldCount: number, newCount: number): Generator<TileId> {
  if (oldCount === newCount) return;
  for (let index = Math.floor(oldCount / TILE_WIDTH); index * TILE_WIDTH < newCount; index += 1) {
    yield { level, index, width: Math.min(TILE_WIDTH, newCount - index * TILE_WIDTH) };
  }
}
