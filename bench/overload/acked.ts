import { formatTilePath } from '../../src/core/tile/path.ts';
import { get, type SteleServer } from '../peers/stele.ts';
import type { MixedResult } from './mixed-load.ts';
import type { NumberedEntries } from './numbered-entries.ts';

const TILE_WIDTH = 256;
const HASH_BYTES = 32;

/** How many of the acknowledged entries the log does not have under the index that was acknowledged. */
export async function countLost(
  server: SteleServer,
  entries: NumberedEntries,
  acked: MixedResult['acked'],
): Promise<number> {
  const hashAt = await leafHashes(server);
  let lost = 0;
  for (const [number, index] of acked) if ((await hashAt(index)) !== entries.leafHash(number)) lost += 1;
  return lost;
}

/** Leaf hashes by index, in base64, from the tiles that the server gives. */
async function leafHashes(server: SteleServer): Promise<(index: number) => Promise<string>> {
  const log: { treeSize: number } = JSON.parse((await get(server, 'log')).bytes.toString());
  const tiles = new Map<number, Buffer>();
  return async (index) => {
    const tile = Math.floor(index / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, log.treeSize - tile * TILE_WIDTH);
    const bytes =
      tiles.get(tile) ?? (await get(server, formatTilePath({ level: 0, index: tile, width }))).bytes;
    tiles.set(tile, bytes);
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    return bytes.subarray(at, at + HASH_BYTES).toString('base64');
  };
}
