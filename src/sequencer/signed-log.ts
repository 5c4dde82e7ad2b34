import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GuardMark } from '../store/guard.ts';
import type { Store } from '../store/store.ts';
import type { Log } from './log.ts';
import { LogReader } from './log-reader.ts';
import type { LogManifest } from './manifest.ts';
import type { TileReader } from './tile-reader.ts';
import type { TreeState } from './tree-state.ts';

/** What a log has signed, as it is compared with what others hold. */
export type SignedLog = Pick<Log, 'name' | 'origin' | 'vkeys' | 'head' | 'proveConsistency'>;

/** What it is read from. */
export interface SignedLogParts {
  readonly store: Store;
  readonly tiles: TileReader;
  readonly hasher: TreeHasher;
  readonly clock: Clock;
  readonly manifest: LogManifest;
}

/** What was signed last, in a tree that may be larger. */
export function signedLog(
  { store, tiles, hasher, clock, manifest }: SignedLogParts,
  state: TreeState,
  head: GuardMark,
): SignedLog {
  const turn = (): Promise<void> => clock.nextTurn();
  const reader = new LogReader(store, tiles, hasher, () => state, turn);
  const { name, origin, vkey } = manifest;
  return {
    ...{ name, origin, vkeys: [vkey], head },
    proveConsistency: async (from, to) => reader.proveConsistency(from, to),
  };
}
