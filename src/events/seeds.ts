/** The secrets of a log's events, one a leaf, each made once. They leave the server in a backup alone that asks for them. */
export interface Seeds {
  /** Whether a leaf's seed is here: false of those that the log was restored or repaired without. */
  has(index: number): boolean;
  /** Resolves once all seeds below `end` are durable; more are made ahead. @throws TlogError commit_unknown: nothing may need them then */
  ensure(end: number): Promise<void>;
  /** The seeds of [start, end), 32 bytes each. @throws TlogError storage_corrupt when they are lost, storage_unreadable; RangeError where there are none */
  read(start: number, end: number): Uint8Array;
  close(): Promise<void>;
}
