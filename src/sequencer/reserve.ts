import { TlogError } from '../core/error.ts';

/** Bytes of a volume: those that may still be taken, and all. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The default is the smaller of the two. */
const RESERVE_BYTES_MAX = 1024 * 1024 * 1024;
const RESERVE_SHARE = 0.05;
/** A measured number is good for this long, or until a quarter of what is above the reserve was admitted. */
const MEASURED_MS = 100;
/** What a refused client is told to wait: room comes by hand, or with a compaction. */
const RETRY_AFTER_SEC = 5;

/**
 * Keeps the last part of the disk free of entries (spec SEQ-11), so that LevelDB never meets a full disk: after one
 * failed write it acks others that are lost. Resumes by itself.
 */
export class Reserve {
  readonly #measure: () => DiskSpace;
  readonly #monotonicMs: () => number;
  /** Bytes that stay free; 0: none. */
  readonly bytes: number;
  #freeBytes: number;
  #measuredAtMs: number;
  #admittedBytes = 0;

  /** @param bytes how much stays free; by default 1 GiB or 5 % of the volume, whichever is less */
  constructor(measure: () => DiskSpace, monotonicMs: () => number, bytes?: number) {
    this.#measure = measure;
    this.#monotonicMs = monotonicMs;
    const { freeBytes, totalBytes } = measure();
    this.bytes = bytes ?? Math.min(RESERVE_BYTES_MAX, Math.floor(totalBytes * RESERVE_SHARE));
    this.#freeBytes = freeBytes;
    this.#measuredAtMs = monotonicMs();
  }

  /** Free bytes of the volume; at most 100 ms old. */
  get freeBytes(): number {
    this.#refresh();
    return this.#freeBytes;
  }

  /** Whether so many bytes may still be written. */
  hasRoom(bytes: number): boolean {
    if (this.bytes === 0) return true;
    this.#refresh();
    return this.#freeBytes - bytes >= this.bytes;
  }

  /** Says no before anything is done. @param waitingBytes admitted earlier and not yet on the disk @throws TlogError storage_full */
  admit(bytes: number, waitingBytes: number): void {
    if (this.bytes === 0) return;
    this.#admittedBytes += bytes;
    if (this.hasRoom(bytes + waitingBytes)) return;
    const message = `the disk has ${this.#freeBytes} bytes left, ${this.bytes} stay free; nothing was added`;
    throw new TlogError('storage_full', message, { details: { retryAfterSec: RETRY_AFTER_SEC } });
  }

  #refresh(): void {
    const nowMs = this.#monotonicMs();
    const margin = (this.#freeBytes - this.bytes) / 4;
    if (nowMs - this.#measuredAtMs < MEASURED_MS && this.#admittedBytes < margin) return;
    this.#freeBytes = this.#measure().freeBytes;
    this.#measuredAtMs = nowMs;
    this.#admittedBytes = 0;
  }
}
