import { decodeBundle, encodeBundle } from '../core/tile/bundle.ts';
import type { BundleId } from '../core/tile/path.ts';
import { isTileInTree, TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import type { LogState } from './log-state.ts';

/** width·32 bytes of the verified tree; undefined when it does not have them. */
export async function mirrorTile(
  { record, edge, ...state }: MirrorState,
  tile: TileId,
): Promise<Uint8Array | undefined> {
  if (record === undefined || !isTileInTree(tile, record.size)) return undefined;
  const isEdge = tile.index === Math.floor(edge.size / TILE_WIDTH ** (tile.level + 1));
  if (isEdge) return edge.tiles[tile.level]?.leaves(tile.width);
  return (await state.tile(tile))?.subarray(0, tile.width * 32);
}

/** The bundle of `width` entries of the verified tree; undefined when it does not have them. */
export async function mirrorBundle(
  { record, ...state }: MirrorState,
  { index, width }: BundleId,
): Promise<Uint8Array | undefined> {
  if (record === undefined || !isTileInTree({ level: 0, index, width }, record.size)) return undefined;
  const bytes = await state.bundle(index);
  const entries = bytes === undefined ? [] : decodeBundle(bytes);
  return entries.length < width ? undefined : encodeBundle(entries.slice(0, width));
}

/** What a mirror serves from. Record and edge are of one moment. */
export type MirrorState = Pick<LogState, 'record' | 'edge' | 'tile' | 'bundle'>;

/** The state as it is now. */
export function mirrorOf(state: LogState): MirrorState {
  return {
    record: state.record,
    edge: state.edge,
    tile: (place) => state.tile(place),
    bundle: (index) => state.bundle(index),
  };
}
