import type { Hash } from '../core/merkle/hasher.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { LEAF_KEY_BYTES } from '../store/rows.ts';

/** Bundles whose keys are held: of 16 million leaves, in 272 MiB. */
const BUNDLES_MAX = 2 ** 16;

/** The keys of a bundle's leaves, and which of them a row has named. */
interface BundleKeys {
  readonly keys: Uint8Array;
  readonly named: Uint8Array;
}

/**
 * The keys that the leaf-hash index must have, taken down leaf by leaf and ticked off row by row in any order: the index
 * is then read from its start to its end, and not looked up once for each leaf.
 */
export class LeafKeys {
  readonly #bundles = new Map<number, BundleKeys>();
  readonly #bundlesMax: number;

  constructor(bundlesMax: number = BUNDLES_MAX) {
    this.#bundlesMax = bundlesMax;
  }

  /** The leaves of a full bundle; beyond the limit they are not held, and so never ticked off. */
  add(bundle: number, hashes: readonly Hash[]): void {
    if (this.#bundles.size >= this.#bundlesMax) return;
    const keys = new Uint8Array(hashes.length * LEAF_KEY_BYTES);
    for (const [i, hash] of hashes.entries())
      for (let byte = 0; byte < LEAF_KEY_BYTES; byte += 1) keys[i * LEAF_KEY_BYTES + byte] = hash[byte] ?? 0;
    this.#bundles.set(bundle, { keys, named: new Uint8Array(hashes.length) });
  }

  /** Ticks off the leaf that a row names, if that is held and the key its own. */
  name(row: Uint8Array, leaf: number): void {
    const bundle = this.#bundles.get(Math.floor(leaf / TILE_WIDTH));
    if (bundle === undefined) return;
    const offset = leaf % TILE_WIDTH;
    for (let byte = 0; byte < LEAF_KEY_BYTES; byte += 1)
      if (bundle.keys[offset * LEAF_KEY_BYTES + byte] !== row[1 + byte]) return;
    bundle.named[offset] = 1;
  }

  /** Whether a row has named each leaf of a bundle. */
  isNamed(bundle: number): boolean {
    return this.#bundles.get(bundle)?.named.every((named) => named === 1) ?? false;
  }
}
