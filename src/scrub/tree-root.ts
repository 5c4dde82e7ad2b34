import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import type { TreeSize } from '../core/units.ts';
import type { VerifiedTiles } from './verified-tiles.ts';

/** The root that the tree had at a size, from verified tiles; undefined where one of them is damaged. */
export async function rootOf(
  hasher: TreeHasher,
  tiles: VerifiedTiles,
  size: TreeSize,
): Promise<Hash | undefined> {
  const hashes: Hash[] = [];
  for (const node of rootNodes(size)) {
    const hash = await tiles.node(node);
    if (hash === undefined) return undefined;
    hashes.push(hash);
  }
  return rootFromNodes(hasher, size, hashes);
}
