import { crc32 } from 'node:zlib';
import type { Blobs } from '../../src/events/blobs.ts';
import type { SeedGap } from '../../src/events/seed-header.ts';
import type { OpenSlotFile, SlotFile } from '../../src/events/slot-file.ts';
import { osError, type Process } from './process.ts';
import type { Random } from './random.ts';

/** What becomes durable in one piece. Smaller than a real page, as fewer seeds are made ahead here. */
const PAGE_BYTES = 128;
const SLOW_MS = 400;
const HEADER_BYTES = 4_096;
const SEED_BYTES = 32;

interface Blob {
  readonly bytes: Uint8Array;
  durable: boolean;
}

/**
 * The files of a log of events beside its database: the seeds, as processes see them and as a power cut leaves them, and
 * large verbatim bytes. After a sync that failed, the pages that it was for are clean: later syncs pass over them.
 */
export class EventDisk {
  full = false;
  /** False only for a planted bug. */
  syncs = true;
  /** Leaves whose seeds were lost on purpose. */
  gaps: readonly SeedGap[] = [];
  #seen = Buffer.alloc(0);
  #durable = Buffer.alloc(0);
  readonly #dirty = new Set<number>();
  #blobs = new Map<string, Blob>();
  /** What no row named when a process started. */
  readonly #removed = new Map<string, Blob>();

  /** Makes the seeds of a log of `size` leaves that has none of theirs: spec STORE-14. */
  create(size: number): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write('stele/seeds/v1');
    this.gaps = size === 0 ? [] : [{ start: 0, end: size }];
    header.writeBigUInt64BE(BigInt(this.gaps.length), 16);
    header.writeBigUInt64BE(BigInt(size), 32);
    header.writeUInt32BE(crc32(header.subarray(0, -4)), HEADER_BYTES - 4);
    this.#seen = Buffer.concat([header, Buffer.alloc(SEED_BYTES * size)]);
    this.#settle();
  }

  /** How a process opens the file of seeds. */
  opener(process: Process): OpenSlotFile {
    return async (_, use) => {
      await process.call('seeds open', [], () => undefined);
      return this.#file(process, use === 'extend');
    };
  }

  #file(process: Process, extends_: boolean): SlotFile {
    return {
      read: (bytes, at) => process.call('seeds read', [], () => this.#read(bytes, at)),
      readNow: (bytes, at) => {
        if (!process.alive) throw osError('EIO', 'the process is gone');
        return this.#read(bytes, at);
      },
      write: (bytes, at) => this.#write(process, Buffer.from(bytes), extends_ ? undefined : at),
      truncate: (length) => process.call('seeds cut', [() => this.#cut(length)], () => undefined),
      sync: () => this.#sync(process),
      length: () => process.call('seeds length', [], () => this.#seen.length),
      close: () => process.call('seeds close', [], () => undefined),
    };
  }

  #read(bytes: Uint8Array, at: number): number {
    const found = this.#seen.subarray(at, at + bytes.length);
    bytes.set(found);
    return found.length;
  }

  #put(bytes: Buffer, at: number): number {
    const grown = Buffer.alloc(Math.max(this.#seen.length, at + bytes.length));
    this.#seen.copy(grown);
    bytes.copy(grown, at);
    this.#seen = grown;
    for (let page = Math.floor(at / PAGE_BYTES); page * PAGE_BYTES < at + bytes.length; page += 1)
      this.#dirty.add(page);
    return bytes.length;
  }

  #cut(length: number): void {
    const cut = Buffer.alloc(length);
    this.#seen.copy(cut);
    this.#seen = cut;
  }

  /** Half of the bytes, then the others; at a place, or at the end. */
  #write(process: Process, bytes: Buffer, at: number | undefined): Promise<number> {
    const middle = Math.floor(bytes.length / 2);
    const half = (): void => void this.#put(bytes.subarray(0, middle), at ?? this.#seen.length);
    const rest = (): void =>
      void this.#put(bytes.subarray(middle), at === undefined ? this.#seen.length : at + middle);
    if (this.full || process.takes('seeds-write-error')) {
      process.faulted = true;
      return process.call('seeds write', this.full ? [] : [half], () => {
        throw osError(this.full ? 'ENOSPC' : 'EIO', 'seeds');
      });
    }
    if (process.takes('seeds-write-short')) return process.call('seeds write', [half], () => middle);
    return process.call('seeds write', [half, rest], () => bytes.length);
  }

  #sync(process: Process): Promise<void> {
    if (process.takes('seeds-sync-error'))
      return process.call('seeds sync', [() => this.#dirty.clear()], () => {
        throw osError('EIO', 'seeds');
      });
    const never = process.takes('seeds-sync-never');
    const extraMs = process.takes('seeds-sync-slow') ? SLOW_MS : 0;
    const flush = (): void => {
      if (this.syncs) this.#flush(() => true);
    };
    return process.call('seeds sync', [flush], () => undefined, { extraMs, never });
  }

  /** Pages that are dirty reach the disk, those that are asked for; its length does too. */
  #flush(takes: (page: number) => boolean): void {
    const durable = Buffer.alloc(this.#seen.length);
    this.#durable.copy(durable);
    for (const page of this.#dirty)
      if (page * PAGE_BYTES < this.#seen.length && takes(page))
        this.#seen.copy(durable, page * PAGE_BYTES, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    this.#dirty.clear();
    this.#durable = durable;
  }

  powerCut(random: Random): void {
    if (this.#dirty.size > 0 && random.chance(0.5)) this.#flush(() => random.chance(0.5));
    this.#dirty.clear();
    this.#seen = Buffer.from(this.#durable);
    for (const [name, { durable }] of [...this.#blobs]) if (!durable) this.#blobs.delete(name);
  }

  #settle(): void {
    this.#dirty.clear();
    this.#durable = Buffer.from(this.#seen);
  }

  /** The seed of a leaf as a power cut would leave it; undefined where it is lost on purpose. */
  seedOf(index: number): Buffer | undefined {
    if (this.gaps.some(({ start, end }) => index >= start && index < end)) return undefined;
    const at = HEADER_BYTES + index * SEED_BYTES;
    return Buffer.from(this.#durable.subarray(at, at + SEED_BYTES));
  }

  /** Large verbatim bytes as a power cut would leave them. */
  blob(name: Uint8Array): Uint8Array | undefined {
    const blob = this.#blobs.get(nameOf(name));
    return blob?.durable === true ? blob.bytes : undefined;
  }

  blobs(process: Process): Blobs {
    return {
      write: (name, bytes) => this.#writeBlob(process, nameOf(name), bytes.slice()),
      read: (name) =>
        process.call('raw read', [], () => {
          const blob = this.#blobs.get(nameOf(name));
          if (blob === undefined) throw osError('ENOENT', 'raw');
          return blob.bytes.slice();
        }),
      keepOnly: (names) =>
        process.call('raw clean', [() => this.#keepOnly(names.map(nameOf))], () => undefined),
    };
  }

  #writeBlob(process: Process, name: string, bytes: Uint8Array): Promise<void> {
    const isBroken = this.full || process.takes('raw-write-error');
    const blob: Blob = { bytes, durable: false };
    const put = (): void => void this.#blobs.set(name, blob);
    if (isBroken) {
      process.faulted = true;
      return process.call('raw write', [put], () => {
        throw osError(this.full ? 'ENOSPC' : 'EIO', 'raw');
      });
    }
    const flush = (): void => {
      blob.durable = this.syncs;
    };
    return process.call('raw write', [put, flush], () => undefined);
  }

  #keepOnly(names: readonly string[]): void {
    for (const [name, blob] of [...this.#blobs]) {
      if (names.includes(name)) continue;
      this.#blobs.delete(name);
      this.#removed.set(name, blob);
    }
  }

  copy(): EventDisk {
    const copy = new EventDisk();
    copy.become(this);
    return copy;
  }

  /** Has what another has, all of it durable. What was removed comes back, as from a backup. */
  become(other: EventDisk): void {
    this.#seen = Buffer.from(other.#seen);
    this.gaps = other.gaps;
    for (const from of [other.#removed, other.#blobs])
      for (const [name, { bytes }] of from) this.#blobs.set(name, { bytes, durable: true });
    this.#settle();
  }
}

function nameOf(name: Uint8Array): string {
  return Buffer.from(name).toString('hex');
}
