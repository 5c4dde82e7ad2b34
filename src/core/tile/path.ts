import { TlogError } from '../error.ts';
import { checkTileId, TILE_LEVEL_MAX, TILE_WIDTH, type TileId } from './tile.ts';

/** An entry bundle: the entries of the level-0 tile of the same index and width. */
export interface BundleId {
  readonly index: number;
  readonly width: number;
}

// Six groups are enough for 2^53 - 1. A first group of x000 would be a second spelling of the same number.
const PLACE = '((?!x000)(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\\.p/([1-9][0-9]{0,2}))?';
const TILE_PATH = new RegExp(`^tile/(0|[1-9][0-9]?)/${PLACE}$`);
const BUNDLE_PATH = new RegExp(`^tile/entries/${PLACE}$`);

/** `tile/<L>/<N>[.p/<W>]` (c2sp.org/tlog-tiles). @throws RangeError for a tile that cannot be */
export function formatTilePath(tile: TileId): string {
  checkTileId(tile);
  return `tile/${tile.level}/${formatPlace(tile)}`;
}

/** `tile/entries/<N>[.p/<W>]` (c2sp.org/tlog-tiles). @throws RangeError for a bundle that cannot be */
export function formatBundlePath(bundle: BundleId): string {
  checkTileId({ level: 0, ...bundle });
  return `tile/entries/${formatPlace(bundle)}`;
}

/** The tile that a path names; only the one canonical spelling is a path. @throws TlogError malformed_tile_path */
export function parseTilePath(path: string): TileId {
  const match = TILE_PATH.exec(path);
  const level = Number(match?.[1]);
  if (match === null || level > TILE_LEVEL_MAX) throw malformed(path);
  return { level, ...parsePlace(path, match[2] as string, match[3]) };
}

/** The entry bundle that a path names. @throws TlogError malformed_tile_path */
export function parseBundlePath(path: string): BundleId {
  const match = BUNDLE_PATH.exec(path);
  if (match === null) throw malformed(path);
  return parsePlace(path, match[1] as string, match[2]);
}

function formatPlace({ index, width }: BundleId): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g) as string[];
  const name = groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join('/');
  return width === TILE_WIDTH ? name : `${name}.p/${width}`;
}

function parsePlace(path: string, groups: string, partial: string | undefined): BundleId {
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const isPartial = partial === undefined || width < TILE_WIDTH;
  if (!Number.isSafeInteger(index) || !isPartial) throw malformed(path);
  return { index, width };
}

function malformed(path: string): TlogError {
  return new TlogError(
    'malformed_tile_path',
    `not the path of a tile or an entry bundle: ${JSON.stringify(path.slice(0, 80))}`,
  );
}
