import type { Frontier } from '../core/merkle/frontier.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { Edge } from '../core/tile/edge.ts';
import type { TreeSize } from '../core/units.ts';

/** The tree as of one durable commit, all in memory but the full tiles. Immutable: a commit makes the next one. */
export interface TreeState {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly committedAtMs: number;
  /** One more than the size of the newest kept head; 0: none is known. */
  readonly keptEnd: number;
  /** The partial tile of each level. */
  readonly edge: Edge;
  /** The same tree by other code, for the self-check. */
  readonly frontier: Frontier;
  /** Entries of the open bundle, at most 255. */
  readonly openEntries: readonly Uint8Array[];
  /** First indexes of the edge records that hold them. */
  readonly edgeStarts: readonly number[];
}
