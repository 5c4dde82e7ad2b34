import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import { leafKey, type RetryRow } from '../store/rows.ts';
import type { StoreBatch } from '../store/store.ts';
import type { AppendRequest, DuplicateMode } from './log.ts';

/** One request as it waits: its entries are hashed on arrival. */
export interface HashedRequest {
  readonly request: AppendRequest;
  readonly leafHashes: readonly Hash[];
}

/** A leaf that this commit adds. */
export interface NewLeaf {
  readonly index: LeafIndex;
  readonly entry: Uint8Array;
  readonly leafHash: Hash;
  /** Whether the leaf-hash index shall name it: false where an earlier leaf has its row, or there is no index. */
  readonly indexed: boolean;
}

/** Where the entries of one request lie, or why it is refused. */
export type Place =
  | { readonly indexes: readonly LeafIndex[]; readonly isNew: readonly boolean[] }
  | { readonly refused: TlogError };

/** The places of all requests of a batch, and what is new. */
export interface Placement {
  readonly places: readonly Place[];
  readonly leaves: readonly NewLeaf[];
  readonly retries: readonly (RetryRow & { readonly key: Uint8Array })[];
  /** What the kind of the log stores beside the rows that every log has. */
  readonly rows?: StoreBatch['puts'];
}

/** What the store knew of the batch's keys and leaf hashes. Keyed by `mapKey`. */
export interface Known {
  readonly retries: ReadonlyMap<string, RetryRow>;
  /** Only in mode `content`: where leaves with these very hashes lie. */
  readonly firstIndexes: ReadonlyMap<string, LeafIndex>;
  /**
   * Keys of rows that the leaf-hash index has; undefined for a log without one. A key is a part of the hash, and two
   * leaves may share it.
   */
  readonly indexed: ReadonlySet<string> | undefined;
}

/** A hash as a map key. */
export function mapKey(hash: Uint8Array): string {
  // From a copy: a view would give the hash memory of its own, which takes longer.
  return Buffer.from(hash).toString('latin1');
}

/**
 * Gives each entry its index, in order of arrival. Pure: a repeat inside the batch is found in what the batch
 * placed so far, a repeat of older entries in `known`.
 */
export function placeEntries(
  size: number,
  mode: DuplicateMode,
  requests: readonly HashedRequest[],
  known: Known,
): Placement {
  const retries = new Map(known.retries);
  const firstIndexes = new Map(known.firstIndexes);
  const isNewRow = known.indexed === undefined ? () => false : rowsBeside(known.indexed);
  const leaves: NewLeaf[] = [];
  const newRetries: (RetryRow & { key: Uint8Array })[] = [];

  const addLeaf = (entry: Uint8Array, leafHash: Hash): LeafIndex => {
    const index = leafIndex(size + leaves.length);
    if (mode === 'content') firstIndexes.set(mapKey(leafHash), index);
    leaves.push({ index, entry, leafHash, indexed: isNewRow(leafHash) });
    return index;
  };

  const placeOne = ({ request, leafHashes }: HashedRequest): Place => {
    const retry = mode === 'key' ? request.idempotency : undefined;
    const earlier = retry === undefined ? undefined : retries.get(mapKey(retry.key));
    if (retry !== undefined && earlier !== undefined) return repeated(earlier, retry.contentHash);
    const firstIndex = leafIndex(size + leaves.length);
    const isNew: boolean[] = [];
    const indexes = request.entries.map((entry, i) => {
      const leafHash = leafHashes[i] as Hash;
      const found = mode === 'content' ? firstIndexes.get(mapKey(leafHash)) : undefined;
      isNew.push(found === undefined);
      return found ?? addLeaf(entry, leafHash);
    });
    if (retry !== undefined) {
      const row = { key: retry.key, firstIndex, count: indexes.length, contentHash: retry.contentHash };
      retries.set(mapKey(retry.key), row);
      newRetries.push(row);
    }
    return { indexes, isNew };
  };

  return { places: requests.map(placeOne), leaves, retries: newRetries };
}

/** Whether a leaf hash has a row of its own in the index: the first time it is asked about, and if none is known. */
function rowsBeside(known: ReadonlySet<string>): (leafHash: Hash) => boolean {
  const rows = new Set(known);
  return (leafHash) => {
    const row = mapKey(leafKey(leafHash));
    if (rows.has(row)) return false;
    rows.add(row);
    return true;
  };
}

function repeated(earlier: RetryRow, contentHash: Uint8Array): Place {
  if (!equalBytes(earlier.contentHash, contentHash)) {
    const message = 'this Idempotency-Key was used for other content; use a new key for new content';
    return { refused: new TlogError('idempotency_key_reused', message) };
  }
  const indexes = Array.from({ length: earlier.count }, (_, i) => leafIndex(earlier.firstIndex + i));
  return { indexes, isNew: indexes.map(() => false) };
}
