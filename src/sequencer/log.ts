import type { AuditEvent } from '../core/event/event.ts';
import type { EventLeaf } from '../core/event/leaf.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { NodeAtHand } from '../core/merkle/proof-paths.ts';
import type { LeafIndex, TreeSize } from '../core/units.ts';
import type { IdHasher } from '../events/event-keys.ts';
import type { NewEvent } from '../events/seal-event.ts';
import type { Now } from '../runtime/now.ts';
import type { RowPart } from '../store/row-place.ts';
import type { Finding } from './finding.ts';

/** What a log holds: opaque bytes, or audit events. Fixed at creation. */
export type LogKind = 'entries' | 'events';

/**
 * How repeated submissions are treated. `key`: an Idempotency-Key makes a retry return the first indexes;
 * `content`: the same bytes return the first index; `off`: every entry gets a new index.
 */
export type DuplicateMode = 'key' | 'content' | 'off';

/** Who may read a log: everybody, or holders of a token with scope `read` on it. */
export type ReadAccess = 'public' | 'token';

/** What a log is; fixed at creation. */
export interface LogDescription {
  readonly name: string;
  readonly kind: LogKind;
  readonly origin: string;
  /** The log's public keys as C2SP vkeys, the signing one first. */
  readonly vkeys: readonly string[];
  readonly duplicates: DuplicateMode;
  readonly leafHashIndex: boolean;
  readonly reads: ReadAccess;
}

/** A signed, guarded tree head. `note` is the whole signed note, byte for byte. */
export interface SignedHead {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly note: string;
}

/** Who decides what GET /checkpoint serves. It only grows, never beyond the log head, and is durable before it is given. */
export interface Publisher {
  readonly publishedHead: SignedHead;
}

/** Entries that are to get indexes together, all or none. */
export interface AppendRequest {
  /** 1 to 4,096 entries of at most 65,535 bytes each; the caller has checked. They must not change afterwards. */
  readonly entries: readonly Uint8Array[];
  /** Of each entry, where the caller has them: those of a large batch are made in slices. A wrong one ends the log. */
  readonly leafHashes?: readonly Hash[];
  /** Makes a retry answer as the first call did; only in duplicate mode `key`. */
  readonly idempotency?: {
    /** SHA-256 over the token's id and the key as sent: 32 bytes. */
    readonly key: Uint8Array;
    /** SHA-256 of the entries with their lengths: the same key with another digest is refused. */
    readonly contentHash: Uint8Array;
  };
}

/** Events that are to get indexes together, all or none. */
export interface EventRequest {
  /** 1 to 4,096; the caller has checked. They must not change afterwards. */
  readonly events: readonly NewEvent[];
  /** SHA-256 over the token's id and the key as sent: a retry is answered as the first call was. */
  readonly retryKey?: Uint8Array;
}

/** What a log takes, by its kind. */
export type LogRequest = AppendRequest | EventRequest;

/** An event as it was committed, and its secret, which leaves the server only as salts of a disclosure and in a backup with seeds. */
export interface StoredEvent {
  readonly index: LeafIndex;
  readonly event: AuditEvent;
  readonly leaf: EventLeaf;
  readonly seed: Uint8Array;
}

/** What a log of events has beside what every log has. */
export interface EventLog {
  /** What ids are looked up by. */
  readonly ids: IdHasher;
  /** An id for an event that came without one. */
  freshId(): string;
  /** As Log.append; also refused with id_conflict, and storage_corrupt when a row that it needs is damaged. */
  append(request: EventRequest): Promise<AppendResult>;
  /** The leaf of an id; undefined when no event has it. Without a tenant: of an event that has none. */
  find(id: string, tenant: string | undefined): Promise<LeafIndex | undefined>;
  /** An event that its leaf commits to. @throws TlogError payload_unavailable */
  read(index: LeafIndex): Promise<StoredEvent>;
  /** The verbatim bytes that an event describes; undefined when there are none here. @throws TlogError payload_unavailable */
  readRaw(index: LeafIndex): Promise<Uint8Array | undefined>;
  /** Whether verbatim bytes came with an event. */
  hasRaw(index: LeafIndex): Promise<boolean>;
}

/** Where the entries of one request lie, and the head that covers them. */
export interface AppendResult {
  readonly indexes: readonly LeafIndex[];
  /** Of opaque entries; none of events. */
  readonly leafHashes: readonly Hash[];
  /** Whether each entry is new; false where an earlier one answered for it. */
  readonly isNew: readonly boolean[];
  readonly head: SignedHead;
}

/** What a log is doing, for readiness and metrics. */
export interface LogStatus {
  /** False exactly when there is a reason. */
  readonly acceptsEntries: boolean;
  /**
   * `log_checking` while entries are re-hashed after an unclean stop, `log_closing` while stopping, `storage_full`
   * while the disk is at its reserve, `log_damaged` once stored bytes were found wrong.
   */
  readonly reason?: 'log_checking' | 'log_closing' | 'storage_full' | 'log_damaged';
  readonly queuedEntries: number;
  readonly queuedBytes: number;
  /** Age of the oldest queued request, in milliseconds. */
  readonly queueAgeMs: number;
  /** When the log head was signed, in milliseconds since 1970. */
  readonly headSignedAtMs: number;
  /** Free bytes of the volume of the database, and how many of them stay free; absent where nobody counts them. */
  readonly freeBytes?: number;
  readonly reserveBytes?: number;
}

/** Timings and counts of one commit, for metrics. Durations in milliseconds. */
export interface CommitReport {
  readonly entries: number;
  readonly bytes: number;
  readonly planMs: number;
  readonly syncMs: number;
  readonly checkMs: number;
  readonly signMs: number;
  readonly guardMs: number;
}

/** A proof with the two things it is about. */
export interface LeafProof {
  readonly leafHash: Hash;
  readonly rootHash: Hash;
  readonly proof: readonly Hash[];
}

/** Bundles of a log in memory, by index, for a page that is read in parts: whoever has it bounds it. */
export interface KeptBundles {
  get(index: number): Uint8Array | undefined;
  set(index: number, bundle: Uint8Array): void;
}

/** How a part of a page is read: beside other work, and no more than is sent at a time. */
export interface PagePart {
  /** The entries end with the one that makes so many bytes; they are at least one. */
  readonly bytes: number;
  /** Where their bundle may be, or is put. */
  readonly bundles?: KeptBundles | undefined;
}

/**
 * One open log: the only way the outer rings reach a tree.
 * Every size given to it must be at most `head.size`, every index below that size: callers check, and a slip is
 * a RangeError. What it returns comes from stored bytes that passed their checks; where they did not, it throws
 * `storage_corrupt`.
 */
export interface Log extends LogDescription {
  /** Newest signed, guarded head. Only grows. */
  readonly head: SignedHead;
  /** What GET /checkpoint serves. Only grows, never beyond `head`. */
  readonly publishedHead: SignedHead;
  /** Stored bytes that were found wrong and are not repaired; while there are any, nothing is signed. */
  readonly findings: readonly Finding[];
  /** How many there are, at least, beyond the 1,000 that are listed. */
  readonly moreFindings: number;
  /** Sorts of row that such others are of: reads that need one throw `storage_corrupt`, whichever row it is. */
  readonly withheldSorts: readonly RowPart[];
  /** Present exactly in a log of events. */
  readonly events: EventLog | undefined;
  status(): LogStatus;
  /**
   * Says no to entries of so many bytes in all that would be refused now, before they are received.
   * @throws TlogError as append does
   */
  admit(bytes: number): void;
  /**
   * Resolves once the entries are durable and covered by a signed, guarded head.
   * @throws TlogError wrong_log_kind, queue_full, storage_full, log_closing, log_checking, log_damaged, idempotency_key_reused (nothing was changed)
   */
  append(request: AppendRequest): Promise<AppendResult>;

  /** Hashes of a tile, width * 32 bytes; undefined beyond the log head. */
  readTile(tile: {
    readonly level: number;
    readonly index: number;
    readonly width: number;
  }): Now<Uint8Array | undefined>;
  /** An entry bundle (u16 length || bytes, per entry); undefined beyond the log head. */
  readBundle(bundle: { readonly index: number; readonly width: number }): Now<Uint8Array | undefined>;
  /** Entries [start, end), at most 1,000 of them, each checked against its leaf hash; of a part of a page the first ones. */
  readEntries(start: LeafIndex, end: TreeSize, page?: PagePart): Promise<readonly Uint8Array[]>;
  /** First index of a leaf hash; undefined when unknown. @throws TlogError leaf_hash_index_off */
  findLeaf(leafHash: Hash): Now<LeafIndex | undefined>;

  /** The nodes of a leaf's inclusion proof in the present tree, for ProofPaths: at most one batched read. */
  nodesOnPath(index: LeafIndex): Now<NodeAtHand>;
  proveInclusion(index: LeafIndex, size: TreeSize): Now<LeafProof>;
  proveConsistency(
    from: TreeSize,
    to: TreeSize,
  ): Now<{ readonly fromRootHash: Hash; readonly toRootHash: Hash; readonly proof: readonly Hash[] }>;
  /** Multi-proof of spec/multi-proof.md for sorted unique indexes, at most 4,096. */
  proveMany(
    indexes: readonly LeafIndex[],
    size: TreeSize,
  ): Promise<{
    readonly leafHashes: readonly Hash[];
    readonly rootHash: Hash;
    readonly nodes: readonly Hash[];
  }>;

  /** The signed note kept for a size (log head, published head, or a kept minute head). */
  keptHead(size: TreeSize): Promise<SignedHead | undefined>;
  /** Kept heads with size >= from, ascending, at most `limit`; ends with the log head. */
  keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]>;
  /** Calls back after each commit; returns the call that stops it. */
  onCommit(listener: (report: CommitReport) => void): () => void;
  /** Bytes that the log's database takes on disk. */
  bytesOnDisk(): Promise<number>;
}
