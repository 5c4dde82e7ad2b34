import type { TreeHasher } from '../core/merkle/hasher.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { RowReader } from '../scrub/row-reader.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import { CheckedStore } from '../store/checked-store.ts';
import type { Store } from '../store/store.ts';
import { ProvenTree } from './proven-tree.ts';
import { DerivedRepair } from './repair-derived.ts';
import { removeEventsBeyond } from './repair-events.ts';
import { RowRepair } from './repair-rows.ts';
import { DerivedTiles, StoredTree } from './stored-tree.ts';
import { joined, type Tally } from './tally.ts';
import type { TreeSource } from './tree-source.ts';

/** A database that is to hold exactly the tree of a signed head. */
export interface RebuildDeps {
  readonly hasher: TreeHasher;
  /** The database, with nothing checked. */
  readonly engine: Store;
  readonly manifest: LogManifest;
  /** Verified by the caller: everything is proven by it. */
  readonly head: SignedHead;
  /** Where bytes may come from beside the database itself. */
  readonly sources: readonly TreeSource[];
  /** Removes kept heads and retry keys that are wrong and that no source has. */
  readonly dropLost: boolean;
  readonly nowMs: number;
  readonly onProgress?: (progress: { readonly entries: number; readonly size: number }) => void;
  readonly signal?: AbortSignal;
}

/** What a rebuild has done to the rows. */
export interface Rebuilt {
  readonly repaired: Tally;
  /** Rows of a tree beyond the head, and index rows of no leaf. */
  readonly removed: Tally;
  /** Wrong, and no source has them: they stay as they are. */
  readonly lost: Tally;
  /** Kept heads and retry keys that were given up. */
  readonly dropped: Tally;
}

/**
 * Makes the rows of a database those of a signed head. Nothing is written before the edge of the tree is proven, and no
 * row before it is proven itself. To be run again when it was cut short.
 * @throws TlogError data_damaged when nothing leads to the signed root; then the database is as it was
 */
export async function rebuild(deps: RebuildDeps): Promise<Rebuilt> {
  const { hasher, engine, manifest, head, sources, dropLost } = deps;
  const rows = new RowReader(engine);
  const stored = new StoredTree(hasher, rows);
  const derived = (from: 'tiles' | 'entries'): TreeSource => new DerivedTiles(hasher, stored, from);
  // The dearest last: it is asked only where all others have nothing that is right.
  const all = [stored, derived('tiles'), ...sources, derived('entries')];
  const tree = await ProvenTree.open(hasher, all, head);
  await engine.accept();
  const store = new CheckedStore(engine);
  const { rootHash } = head;
  const byTree = new RowRepair({
    ...deps,
    rows,
    store,
    tree,
    rootHash,
    leafHashIndex: manifest.leafHashIndex,
  });
  await byTree.run();
  const verifyHead = headVerifier({ origin: manifest.origin, vkeys: [manifest.vkey] });
  const besides = new DerivedRepair({ ...deps, rows, store, tree, verifyHead, sources, dropLost });
  await besides.run();
  const size = tree.edge.size;
  const beyond =
    manifest.kind === 'events' ? await removeEventsBeyond({ ...deps, rows, store, size }) : NOTHING;
  return {
    repaired: joined(byTree.repaired, besides.repaired),
    removed: joined(byTree.removed, beyond),
    lost: joined(byTree.lost, besides.lost),
    dropped: besides.dropped,
  };
}

const NOTHING: Tally = { count: 0, names: [] };
