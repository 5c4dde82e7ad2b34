import { concatBytes, equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { TILE_HEIGHT, TILE_WIDTH } from '../core/tile/tile.ts';
import { TileNodes } from '../core/tile/tile-nodes.ts';
import type { Now } from '../runtime/now.ts';
import type { Slices } from '../runtime/slices.ts';
import type { Damage } from '../sequencer/finding.ts';
import { bundleKey, decodeIndex, leafKey } from '../store/rows.ts';
import type { DamagedRow, ReadRow, RowReader } from './row-reader.ts';
import type { VerifiedTiles } from './verified-tiles.ts';

/** What the checks of rows are made with. */
export interface CheckDeps {
  readonly hasher: TreeHasher;
  readonly rows: RowReader;
  readonly tiles: VerifiedTiles;
  readonly slices: Slices;
  /** Absent in a log without a leaf-hash index. */
  readonly checkIndex?: IndexCheck;
}

/** Compares the leaf-hash index with leaves that are right, those from `start` on. */
export type IndexCheck = (start: number, hashes: readonly Hash[]) => Now<readonly Damage[]>;

/** A full bundle, its tile of level 0, and the rows of the leaf-hash index that its entries must have. */
export async function checkBundle(deps: CheckDeps, index: number): Promise<readonly Damage[]> {
  const tile = await deps.tiles.check(0, index);
  const found = tile.damage === undefined ? [] : [tile.damage];
  const key = bundleKey(index);
  const row = await deps.rows.read(key);
  if ('damage' in row) return [...found, await comparedBundle(deps, index, row, tile.nodes)];
  const hashes = await leafHashes(deps, row.value);
  const wrong =
    hashes instanceof TlogError
      ? { row: key, message: `bundle ${index}: ${hashes.message}` }
      : await wrongLeaf(deps, index, hashes, tile.nodes);
  if (wrong !== undefined) return [...found, wrong];
  if (hashes instanceof TlogError || deps.checkIndex === undefined) return found;
  return [...found, ...(await deps.checkIndex(index * TILE_WIDTH, hashes))];
}

/** The damage of a row, with the first of the entries that are there which is not what the tree has. */
async function comparedBundle(
  deps: CheckDeps,
  index: number,
  { damage, found }: DamagedRow,
  tile: TileNodes | undefined,
): Promise<Damage> {
  const hashes = found && (await leafHashes(deps, found));
  if (hashes === undefined || hashes instanceof TlogError) return damage;
  return explained(damage, await wrongLeaf(deps, index, hashes, tile));
}

/** A row that fails its check, and what the bytes in it are not; what only the check itself tells stays as it is. */
export function explained(damage: Damage, wrong: Damage | undefined): Damage {
  return wrong === undefined ? damage : { ...wrong, message: `${damage.message}: ${wrong.message}` };
}

async function leafHashes({ hasher, slices }: CheckDeps, bundle: Uint8Array): Promise<Hash[] | TlogError> {
  const hashes: Hash[] = [];
  try {
    for (const entry of decodeBundle(bundle, { count: TILE_WIDTH })) {
      hashes.push(hasher.leafHash(entry));
      await slices.spent(entry.length);
    }
  } catch (error) {
    if (error instanceof TlogError) return error;
    throw error;
  }
  return hashes;
}

/** Compared with the tile where that is right, else with the tile above it: then the bundle as a whole is right or wrong. */
async function wrongLeaf(
  { tiles, hasher }: CheckDeps,
  index: number,
  hashes: readonly Hash[],
  tile: TileNodes | undefined,
): Promise<Damage | undefined> {
  const row = bundleKey(index);
  for (const [i, hash] of tile === undefined ? [] : hashes.entries()) {
    const expected = tile?.node(0, i) ?? hash;
    if (equalBytes(hash, expected)) continue;
    const entry = index * TILE_WIDTH + i;
    const both = { expected: formatHex(expected), actual: formatHex(hash) };
    return { row, entry, message: `entry ${entry} does not match its leaf hash`, ...both };
  }
  if (tile !== undefined) return undefined;
  const expected = await tiles.hash(1, index);
  const actual = TileNodes.fromLeaves(hasher, concatBytes(...hashes)).node(TILE_HEIGHT, 0);
  if (expected === undefined || equalBytes(actual, expected)) return undefined;
  const both = { expected: formatHex(expected), actual: formatHex(actual) };
  return { row, message: `bundle ${index} does not match the tree`, ...both };
}

/**
 * Each leaf hash must have a row that names this leaf or an earlier one with the same key. As that holds for every
 * leaf, each row names the first.
 */
export async function checkIndexRows(
  deps: Pick<CheckDeps, 'rows' | 'tiles'>,
  start: number,
  hashes: readonly Hash[],
): Promise<readonly Damage[]> {
  const rows = await deps.rows.readMany(hashes.map(leafKey));
  const found: Damage[] = [];
  for (const [i, hash] of hashes.entries()) {
    const wrong = await wrongIndexRow(deps, start + i, hash, rows[i]);
    if (wrong !== undefined) found.push(wrong);
  }
  return found;
}

/** Why a row of the index does not lead to the first leaf with this hash; undefined when it does. */
async function wrongIndexRow(
  { tiles }: Pick<CheckDeps, 'tiles'>,
  leaf: number,
  hash: Hash,
  row: ReadRow | undefined,
): Promise<Damage | undefined> {
  const key = leafKey(hash);
  if (row === undefined)
    return { row: key, entry: leaf, message: `leaf ${leaf} is not in the leaf-hash index` };
  if ('damage' in row) return { ...row.damage, entry: leaf };
  const named = row.value.length === 8 ? decodeIndex(row.value) : undefined;
  if (named === leaf) return undefined;
  if (named !== undefined && named < leaf) {
    const other = await tiles.hash(0, named);
    // Where the tile of the other leaf is damaged, that is found in its turn.
    if (other === undefined || equalBytes(leafKey(other), key)) return undefined;
  }
  const message = `the leaf-hash index names leaf ${named ?? 'none'} where leaf ${leaf} is the first`;
  return { row: key, entry: leaf, message };
}
