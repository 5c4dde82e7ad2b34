import { TlogError } from '../core/error.ts';
import type { AppendResult } from './log.ts';
import type { HashedRequest } from './place-entries.ts';

/** Bounds of what may wait. Beyond any of them a request is refused at once. */
export interface QueueLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Refuse when the oldest has waited this long: the disk is slower than the load. */
  readonly ageMaxMs: number;
}

export const QUEUE_LIMITS: QueueLimits = { entriesMax: 32_768, bytesMax: 64 * 1024 * 1024, ageMaxMs: 2_000 };

/** Most that one commit takes: as many as one request may bring. */
export const COMMIT_ENTRIES_MAX = 4_096;
const COMMIT_BYTES_MAX = 16 * 1024 * 1024;
/** What a refused client is told to wait. */
export const RETRY_AFTER_SEC = 1;

/** A request that waits for its commit. */
export interface PendingRequest extends HashedRequest {
  readonly bytes: number;
  readonly enqueuedAtMs: number;
  resolve(result: AppendResult): void;
  reject(error: TlogError): void;
}

/** First in, first out, with bounds. The sequencer is its one owner. */
export class PendingQueue {
  readonly #limits: QueueLimits;
  #requests: PendingRequest[] = [];
  #entries = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** When the oldest came in; undefined when nothing waits. */
  get oldestAtMs(): number | undefined {
    return this.#requests[0]?.enqueuedAtMs;
  }

  /** Says no before anything is done for a request that would go beyond a bound. @throws TlogError queue_full */
  admit(entries: number, bytes: number, nowMs: number): void {
    const oldest = this.oldestAtMs ?? nowMs;
    const full =
      this.#entries + entries > this.#limits.entriesMax ||
      this.#bytes + bytes > this.#limits.bytesMax ||
      nowMs - oldest > this.#limits.ageMaxMs;
    if (!full) return;
    throw new TlogError(
      'queue_full',
      `the log is busy; nothing was added, try again in ${RETRY_AFTER_SEC} s`,
      {
        details: { retryAfterSec: RETRY_AFTER_SEC },
      },
    );
  }

  push(request: PendingRequest): void {
    this.#requests.push(request);
    this.#entries += request.request.entries.length;
    this.#bytes += request.bytes;
  }

  /** The requests of the next commit: all that wait, up to the bounds of a commit, and at least one. */
  take(): PendingRequest[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#requests) {
      entries += pending.request.entries.length;
      bytes += pending.bytes;
      if (count > 0 && (entries > COMMIT_ENTRIES_MAX || bytes > COMMIT_BYTES_MAX)) break;
      count += 1;
    }
    const taken = this.#requests.slice(0, count);
    this.#requests = this.#requests.slice(count);
    for (const pending of taken) {
      this.#entries -= pending.request.entries.length;
      this.#bytes -= pending.bytes;
    }
    return taken;
  }
}
