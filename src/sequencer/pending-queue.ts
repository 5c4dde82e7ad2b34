import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { AppendResult, LogRequest } from './log.ts';

/** Bounds of what was admitted and is not answered. Beyond any of them a request is refused at once. */
export interface QueueLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Refuse when the oldest has waited this long. */
  readonly ageMaxMs: number;
}

export const QUEUE_LIMITS: QueueLimits = { entriesMax: 32_768, bytesMax: 64 * 1024 * 1024, ageMaxMs: 1_000 };

/** Most that one commit takes: as many entries, and bytes, as one request may bring. */
export const COMMIT_ENTRIES_MAX = 4_096;
const COMMIT_BYTES_MAX = 8 * 1024 * 1024;
/** Each request of a commit is answered in the same turn of the event loop. */
export const COMMIT_REQUESTS_MAX = 512;
/** What a refused client is told to wait. */
export const RETRY_AFTER_SEC = 1;

/** A request that waits for its commit. */
export interface PendingRequest {
  readonly request: LogRequest;
  /** Of opaque entries, which are hashed on arrival. */
  readonly leafHashes: readonly Hash[];
  /** Leaves that it may become. */
  readonly entries: number;
  readonly bytes: number;
  readonly enqueuedAtMs: number;
  resolve(result: AppendResult): void;
  reject(error: TlogError): void;
}

/** First in, first out, with bounds that count the commit under way in. The sequencer is its one owner. */
export class PendingQueue {
  readonly #limits: QueueLimits;
  #waiting: PendingRequest[] = [];
  #inCommit: readonly PendingRequest[] = [];
  #entries = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Whether nothing waits for the next commit. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }
  /** Whether as many wait as one commit takes. */
  get fillsCommit(): boolean {
    return this.#waiting.length >= COMMIT_REQUESTS_MAX;
  }
  get entries(): number {
    return this.#entries;
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** When the oldest came in; undefined when there is none. */
  get oldestAtMs(): number | undefined {
    return (this.#inCommit[0] ?? this.#waiting[0])?.enqueuedAtMs;
  }

  /** Says no before anything is done for a request that would go beyond a bound. @throws TlogError queue_full */
  admit(entries: number, bytes: number, nowMs: number): void {
    const { entriesMax, bytesMax, ageMaxMs } = this.#limits;
    const isFull = this.#entries + entries > entriesMax || this.#bytes + bytes > bytesMax;
    if (!isFull && nowMs - (this.oldestAtMs ?? nowMs) <= ageMaxMs) return;
    const message = `the log is busy; nothing was added, try again in ${RETRY_AFTER_SEC} s`;
    throw new TlogError('queue_full', message, { details: { retryAfterSec: RETRY_AFTER_SEC } });
  }

  push(request: PendingRequest): void {
    this.#waiting.push(request);
    this.#entries += request.entries;
    this.#bytes += request.bytes;
  }

  /** The requests of the next commit: all that wait, up to the bounds of a commit, and at least one. */
  take(): readonly PendingRequest[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#waiting) {
      entries += pending.entries;
      bytes += pending.bytes;
      if (count > 0 && (entries > COMMIT_ENTRIES_MAX || bytes > COMMIT_BYTES_MAX)) break;
      count += 1;
      if (count === COMMIT_REQUESTS_MAX) break;
    }
    this.#inCommit = this.#waiting.splice(0, count);
    return this.#inCommit;
  }

  /** The commit of what was taken is over. */
  settle(): void {
    this.#forget(this.#inCommit);
    this.#inCommit = [];
  }

  /** What waits and is in no commit: it waits no longer. */
  clear(): readonly PendingRequest[] {
    const cleared = this.#waiting;
    this.#waiting = [];
    this.#forget(cleared);
    return cleared;
  }

  #forget(requests: readonly PendingRequest[]): void {
    for (const { entries, bytes } of requests) {
      this.#entries -= entries;
      this.#bytes -= bytes;
    }
  }
}
