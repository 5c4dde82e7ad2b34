import type { Hash } from '../core/merkle/hasher.ts';
import type { TreeSize } from '../core/units.ts';

/** The high-water mark: the largest head ever signed, with its note. */
export interface GuardMark {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  readonly note: string;
}

/** What a raise came to. `superseded`: another process has taken over. Only `raised` lets the head be read. */
export type RaiseOutcome = 'raised' | 'superseded' | 'unknown';

/** Remembers outside the data directory how far the log has signed, so that nothing older is ever extended. */
export interface Guard {
  readonly mark: GuardMark;
  raise(mark: GuardMark): Promise<RaiseOutcome>;
  /** What the disk said when a raise came to nothing certain, for the message of the process's end. */
  readonly lastError?: unknown;
  close(): Promise<void>;
}
