import type { LeafIndex } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import { type SliceBounds, Slices } from '../runtime/slices.ts';
import { decodedRow } from '../store/corrupt-row.ts';
import { decodeRetry, leafKey, type RetryRow, retryKey } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { AppendRequest, DuplicateMode } from './log.ts';
import type { PendingRequest } from './pending-queue.ts';
import { type HashedRequest, type Known, mapKey, type Placement, placeEntries } from './place-entries.ts';

/** Decides what a commit adds; nothing is written in the database by it. */
export interface Placer {
  /** The places of all requests in a tree that has `size` leaves. @throws TlogError storage_corrupt from a row that it looks up */
  place(size: number, requests: readonly PendingRequest[], nowMs: number): Promise<Placement>;
}

/** Repeats that are looked up in one turn: each may read a tile. */
const SLICE: SliceBounds = { bytes: Number.POSITIVE_INFINITY, steps: 1_024 };

/** What repeats are looked up with. */
export interface EntryPlacerDeps {
  readonly store: Pick<Store, 'getMany'>;
  readonly duplicates: DuplicateMode;
  readonly leafHashIndex: boolean;
  /** Looks a leaf hash up in the tree that is published, comparing all of its 32 bytes. */
  readonly findLeaf: (leafHash: Uint8Array) => LeafIndex | undefined | Promise<LeafIndex | undefined>;
  readonly clock: Pick<Clock, 'nextTurn'>;
}

type EntriesRequest = HashedRequest & { readonly request: AppendRequest };

/** Places opaque entries, after looking up which of them were there before. */
export class EntryPlacer implements Placer {
  readonly #deps: EntryPlacerDeps;

  constructor(deps: EntryPlacerDeps) {
    this.#deps = deps;
  }

  async place(size: number, requests: readonly PendingRequest[]): Promise<Placement> {
    const ofEntries = requests.filter(hasEntries);
    if (ofEntries.length < requests.length) throw new TypeError('events in a log of entries');
    return placeEntries(size, this.#deps.duplicates, ofEntries, await this.#lookUp(ofEntries));
  }

  async #lookUp(requests: readonly EntriesRequest[]): Promise<Known> {
    const retries =
      this.#deps.duplicates === 'key' ? await this.#knownRetries(requests) : new Map<string, RetryRow>();
    return { retries, ...(await this.#knownLeaves(requests)) };
  }

  async #knownRetries(requests: readonly EntriesRequest[]): Promise<Map<string, RetryRow>> {
    const keys = requests.map(({ request }) => request.idempotency?.key).filter((key) => key !== undefined);
    const rows = await this.#deps.store.getMany(keys.map(retryKey));
    const known = new Map<string, RetryRow>();
    keys.forEach((key, i) => {
      const row = rows[i];
      if (row !== undefined) known.set(mapKey(key), decodedRow(retryKey(key), row, decodeRetry));
    });
    return known;
  }

  /** A row stays with the leaf that it names; that leaf is the same content, in mode `content`, if all of its hash is. */
  async #knownLeaves(requests: readonly EntriesRequest[]): Promise<Pick<Known, 'firstIndexes' | 'indexed'>> {
    const { store, duplicates, leafHashIndex, findLeaf, clock } = this.#deps;
    const firstIndexes = new Map<string, LeafIndex>();
    if (!leafHashIndex) return { firstIndexes, indexed: undefined };
    const indexed = new Set<string>();
    const hashes = requests.flatMap((pending) => pending.leafHashes);
    const keys = hashes.map(leafKey);
    const rows = await store.getMany(keys);
    const slices = new Slices(SLICE, () => clock.nextTurn());
    for (const [i, hash] of hashes.entries()) {
      if (rows[i] === undefined) continue;
      indexed.add(mapKey(keys[i] as Uint8Array));
      if (duplicates !== 'content') continue;
      const index = await findLeaf(hash);
      if (index !== undefined) firstIndexes.set(mapKey(hash), index);
      const turn = slices.spent(0);
      if (turn !== undefined) await turn;
    }
    return { firstIndexes, indexed };
  }
}

function hasEntries(pending: PendingRequest): pending is PendingRequest & EntriesRequest {
  return 'entries' in pending.request;
}
