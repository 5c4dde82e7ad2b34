import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import type { Random } from '../runtime/random.ts';
import { syncFolder } from '../store/guard-files.ts';
import {
  damaged,
  GAPS_MAX,
  gapsOf,
  HEADER_BYTES,
  headerOf,
  openFile,
  placeOf,
  type SeedGap,
} from './seed-header.ts';
import type { Seeds } from './seeds.ts';

/** Seeds made ahead of the leaf that needs one: 256 KiB. */
const AHEAD = 8_192;

/** Seeds of events from `start` on, one behind the other. */
export interface SeedRun {
  readonly start: number;
  readonly seeds: Uint8Array;
}

/**
 * The file `seeds` of a log: a header that lists gaps, then 32 random bytes for each leaf in its slot (spec/store.md
 * STORE-14). A slot is written once, and synced before anything that needs it.
 */
export class SeedFile implements Seeds {
  readonly #file: FileHandle;
  readonly #random: Random;
  readonly #gaps: readonly SeedGap[];
  /** Owned by ensure: slots below are durable. */
  #end: number;

  private constructor(file: FileHandle, random: Random, found: { gaps: readonly SeedGap[]; end: number }) {
    this.#file = file;
    this.#random = random;
    this.#gaps = found.gaps;
    this.#end = found.end;
  }

  /**
   * Makes the file of a log of `size` leaves that have the seeds of `runs`, which ascend, and no others.
   * @returns the gaps @throws TlogError data_damaged when the runs do not ascend, or have too many gaps; rejects with EEXIST over another file
   */
  static async create(
    path: string,
    size: number,
    runs: AsyncIterable<SeedRun> | readonly SeedRun[] = [],
  ): Promise<readonly SeedGap[]> {
    const file = await open(path, 'wx', 0o600);
    let gaps: readonly SeedGap[];
    try {
      await file.truncate(placeOf(size));
      gaps = await fill(file, size, runs);
      await file.write(headerOf(gaps), 0, HEADER_BYTES, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
    return gaps;
  }

  /** Seeds of [from, to), all of them durable, as they lie in a file that its server may have open. @throws TlogError data_damaged */
  static async runs(path: string, from: number, to: number): Promise<readonly SeedRun[]> {
    const file = await openFile(path);
    try {
      const gaps = await gapsOf(file, path);
      const runs: SeedRun[] = [];
      for (const { start, end } of between(gaps, from, to)) {
        const seeds = new Uint8Array((end - start) * SEED_BYTES);
        const { bytesRead } = await file.read(seeds, 0, seeds.length, placeOf(start));
        if (bytesRead !== seeds.length) throw damaged(`${path} ends below the tree`);
        runs.push({ start, seeds });
      }
      return runs;
    } finally {
      await file.close();
    }
  }

  /** How many slots a file has, those of gaps and those made ahead included. @throws TlogError data_damaged when there is no such file */
  static async slots(path: string): Promise<number> {
    await using file = await openFile(path, 'r');
    return slotsOf(file);
  }

  /**
   * Leaves up to `size` that have no seeds in a file, and those from `from` on that came from elsewhere, have none for
   * good: their log was repaired from a source without secrets. @returns the gap; undefined where there is none @throws TlogError data_damaged when there is no such file
   */
  static async giveUp(path: string, size: number, from: number = size): Promise<SeedGap | undefined> {
    const file = await openFile(path);
    try {
      const gaps = await gapsOf(file, path);
      // Those made ahead are of no leaf that came from a source.
      const end = Math.min(await slotsOf(file), from);
      if (end >= size) return undefined;
      if (gaps.length === GAPS_MAX) throw damaged(`${path} has ${GAPS_MAX} gaps already`);
      await file.truncate(placeOf(size));
      await file.write(headerOf([...gaps, { start: end, end: size }]), 0, HEADER_BYTES, 0);
      await file.sync();
      return { start: end, end: size };
    } finally {
      await file.close();
    }
  }

  /**
   * Opens the seeds of a tree of `size` leaves. What an earlier process made ahead is used, where it is whole: no leaf of
   * the tree depends on it. @throws TlogError data_damaged when there is no such file, or it ends below the tree
   */
  static async open(path: string, size: number, random: Random): Promise<SeedFile> {
    const file = await openFile(path);
    try {
      const gaps = await gapsOf(file, path);
      const end = await wholeEnd(file, size);
      if (end < size) throw damaged(`${path} has seeds of ${end} events, the tree has ${size}`);
      // What is in the page cache alone is made durable, and what was cut short goes, before a leaf depends on it.
      await file.truncate(placeOf(end));
      await file.sync();
      return new SeedFile(file, random, { gaps, end });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Opens the seeds of a tree for who only looks: as `open`, but nothing is changed, and none can be made. */
  static async inspect(path: string, size: number): Promise<Pick<Seeds, 'has' | 'read' | 'close'>> {
    const file = await openFile(path, 'r');
    try {
      const gaps = await gapsOf(file, path);
      const end = await slotsOf(file);
      if (end < size) throw damaged(`${path} has seeds of ${end} events, the tree has ${size}`);
      return new SeedFile(file, noRandom, { gaps, end });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  has(index: number): boolean {
    return index < this.#end && !this.#gaps.some(({ start, end }) => index >= start && index < end);
  }

  async ensure(end: number): Promise<void> {
    if (end <= this.#end) return;
    const to = end + AHEAD;
    const bytes = this.#random((to - this.#end) * SEED_BYTES);
    const { bytesWritten } = await this.#file.write(bytes, 0, bytes.length, placeOf(this.#end));
    if (bytesWritten !== bytes.length) throw new Error(`${bytesWritten} bytes of seeds were written`);
    await this.#file.datasync();
    this.#end = to;
  }

  read(start: number, end: number): Uint8Array {
    if (end > this.#end) throw new RangeError(`no seeds of ${start} to ${end}`);
    const bytes = new Uint8Array((end - start) * SEED_BYTES);
    if (readSync(this.#file.fd, bytes, 0, bytes.length, placeOf(start)) === bytes.length) return bytes;
    throw new TlogError('storage_corrupt', `the seeds of events ${start} to ${end} are lost`);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** What of [from, to) lies in no gap. */
function between(gaps: readonly SeedGap[], from: number, to: number): readonly SeedGap[] {
  const found: SeedGap[] = [];
  let at = from;
  for (const { start, end } of gaps) {
    if (start > at) found.push({ start: at, end: Math.min(start, to) });
    at = Math.max(at, end);
    if (at >= to) break;
  }
  if (at < to) found.push({ start: at, end: to });
  return found.filter(({ start, end }) => start < end);
}

async function fill(
  file: FileHandle,
  size: number,
  runs: AsyncIterable<SeedRun> | readonly SeedRun[],
): Promise<readonly SeedGap[]> {
  const gaps: SeedGap[] = [];
  let at = 0;
  for await (const { start, seeds } of runs) {
    const end = start + seeds.length / SEED_BYTES;
    if (start < at || end > size) throw damaged('seeds do not ascend, or are of events beyond the tree');
    if (start > at) gaps.push({ start: at, end: start });
    const { bytesWritten } = await file.write(seeds, 0, seeds.length, placeOf(start));
    if (bytesWritten !== seeds.length) throw new Error(`${bytesWritten} bytes of seeds were written`);
    at = end;
  }
  if (at < size) gaps.push({ start: at, end: size });
  if (gaps.length <= GAPS_MAX) return gaps;
  throw damaged(`there are ${gaps.length} gaps between the seeds`);
}

function noRandom(): never {
  throw new TypeError('seeds were opened to be looked at');
}

async function slotsOf(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  return Math.floor((size - HEADER_BYTES) / SEED_BYTES);
}

/** Where seeds end that can be used: behind the last whole slot, or before the first from `from` on that was never written. */
async function wholeEnd(file: FileHandle, from: number): Promise<number> {
  const end = await slotsOf(file);
  const ahead = new Uint8Array(Math.max(0, end - from) * SEED_BYTES);
  await file.read(ahead, 0, ahead.length, placeOf(from));
  for (let at = 0; at < ahead.length; at += SEED_BYTES)
    if (ahead.subarray(at, at + SEED_BYTES).every((byte) => byte === 0)) return from + at / SEED_BYTES;
  return end;
}
