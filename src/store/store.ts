import type { Now } from '../runtime/now.ts';
import type { Slices } from '../runtime/slices.ts';

/** What a commit came to. Only `committed` says anything about the bytes; after the others the process must end. */
export type CommitOutcome = 'committed' | 'fenced' | 'unknown';

/** Rows to write and keys to remove, applied all or none. */
export interface StoreBatch {
  readonly puts: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
  readonly deletes: readonly Uint8Array[];
}

/** Keys [start, end) in byte order. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** How rows are read. */
export interface ReadOptions {
  /** Never in the thread of the event loop, however few. */
  readonly inPool: boolean;
  /** What is read in the pool and is long is checked in these. */
  readonly slices?: Slices | undefined;
}

/**
 * An ordered key-value engine with atomic, durable batches: the seam where faults are injected and where other
 * engines fit. Reads may answer at once or later. Absent keys are `undefined`. Nothing it returns is trusted.
 */
export interface Store {
  get(key: Uint8Array): Now<Uint8Array | undefined>;
  /** Values in the order of the keys: one batched read. */
  getMany(keys: readonly Uint8Array[], options?: ReadOptions): Now<readonly (Uint8Array | undefined)[]>;
  /**
   * Resolves after the batch is durable. Never rejects: an error of the engine is `unknown`. A large batch is put together
   * in slices, if there are any; nothing of it is there before all of it is.
   */
  commit(batch: StoreBatch, slices?: Slices): Promise<CommitOutcome>;
  iterate(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** What the engine said when a commit came to nothing certain, for the message of the process's end. */
  readonly lastError?: unknown;
  /** Whether the database is still where it was opened. */
  inPlace(): boolean;
  /**
   * The content has passed its check: what the engine kept of the time before it opened is let go. A close before
   * this leaves everything as the open found it.
   */
  accept(): Promise<void>;
  close(): Promise<void>;
}
