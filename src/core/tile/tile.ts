import type { NodeId } from '../merkle/node.ts';
import type { TreeSize } from '../units.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** Levels of the tree in one tile. */
export const TILE_HEIGHT = 8;
/** Highest tile level there is a name for. */
export const TILE_LEVEL_MAX = 63;

/** Place of a tile, whatever its width. Level 0 holds leaf hashes, level L + 1 the roots of full tiles of level L. */
export interface TilePlace {
  readonly level: number;
  readonly index: number;
}

/** A tile (c2sp.org/tlog-tiles): level 0 to 63, width 1 to 256; below 256 it is a partial tile. */
export interface TileId extends TilePlace {
  readonly width: number;
}

/** @throws RangeError unless level, index and width are in their limits: our own bug */
export function checkTileId(tile: TileId): void {
  const { level, index, width } = tile;
  const isLevel = Number.isInteger(level) && level >= 0 && level <= TILE_LEVEL_MAX;
  const isWidth = Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH;
  if (isLevel && isWidth && Number.isSafeInteger(index) && index >= 0) return;
  throw new RangeError(`no such tile: level ${level}, index ${index}, width ${width}`);
}

/**
 * True iff the tree of `size` has all hashes of the tile: (256·index + width)·256^level <= size.
 * @throws RangeError for a tile that cannot be
 */
export function isTileInTree(tile: TileId, size: TreeSize): boolean {
  checkTileId(tile);
  // Dividing by a power of two is exact and cannot overflow, as multiplying would. Where 256·index is rounded
  // it is above 2^53, so above any size.
  return TILE_WIDTH * tile.index + tile.width <= Math.floor(size / TILE_WIDTH ** tile.level);
}

/** Where in the tiles a node lies: as the offset-th node of this height (0 to 7) of a tile. */
export interface NodePlace {
  readonly tile: TilePlace;
  readonly height: number;
  readonly offset: number;
}

/** The tile that holds a node. The root of a full tile counts as a leaf of the tile above. */
export function tileOfNode(node: NodeId): NodePlace {
  const height = node.level % TILE_HEIGHT;
  const perTile = 2 ** (TILE_HEIGHT - height);
  const index = Math.floor(node.index / perTile);
  return {
    tile: { level: (node.level - height) / TILE_HEIGHT, index },
    height,
    offset: node.index - index * perTile,
  };
}
