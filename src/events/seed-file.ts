import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import type { Random } from '../runtime/random.ts';
import { writeRefusal } from '../store/disk-error.ts';
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
import { type OpenSlotFile, openSlotFile, type SlotFile, withCodes } from './slot-file.ts';

/** Seeds made ahead of the leaf that needs one: 256 KiB. */
const AHEAD = 8_192;

/** Seeds of events from `start` on, one behind the other. */
export interface SeedRun {
  readonly start: number;
  readonly seeds: Uint8Array;
}

/** What seeds are opened with: the files of the system and 256 KiB made ahead, where a simulation has others. */
export interface SeedFileOptions {
  readonly openWith: OpenSlotFile;
  readonly ahead: number;
}

interface FoundSeeds {
  readonly gaps: readonly SeedGap[];
  readonly end: number;
  readonly ahead: number;
}

/**
 * The file `seeds` of a log: a header that lists gaps, then 32 random bytes for each leaf in its slot (spec/store.md
 * STORE-14). A slot is written once, and synced before anything that needs it.
 */
export class SeedFile implements Seeds {
  readonly #file: SlotFile;
  readonly #random: Random;
  readonly #gaps: readonly SeedGap[];
  readonly #ahead: number;
  /** Owned by ensure: slots below are durable. */
  #end: number;

  private constructor(file: SlotFile, random: Random, found: FoundSeeds) {
    this.#file = file;
    this.#random = random;
    this.#gaps = found.gaps;
    this.#end = found.end;
    this.#ahead = found.ahead;
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
    const file = withCodes(path, await openSlotFile(path, 'new'));
    let gaps: readonly SeedGap[];
    try {
      await file.truncate(placeOf(size));
      gaps = await fill(file, size, runs);
      await file.write(headerOf(gaps), 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
    return gaps;
  }

  /** Seeds of [from, to), all of them durable, as they lie in a file that its server may have open. @throws TlogError data_damaged */
  static async runs(path: string, from: number, to: number): Promise<readonly SeedRun[]> {
    const file = await openFile(path, 'look');
    try {
      const gaps = await gapsOf(file, path);
      const runs: SeedRun[] = [];
      for (const { start, end } of between(gaps, from, to)) {
        const seeds = new Uint8Array((end - start) * SEED_BYTES);
        if ((await file.read(seeds, placeOf(start))) !== seeds.length)
          throw damaged(`${path} ends below the tree`);
        runs.push({ start, seeds });
      }
      return runs;
    } finally {
      await file.close();
    }
  }

  /** How many slots a file has, those of gaps and those made ahead included. @throws TlogError data_damaged when there is no such file */
  static async slots(path: string): Promise<number> {
    const file = await openFile(path, 'look');
    try {
      return await slotsOf(file);
    } finally {
      await file.close();
    }
  }

  /**
   * Leaves up to `size` that have no seeds in a file, and those from `from` on that came from elsewhere, have none for
   * good: their log was repaired from a source without secrets. @returns the gap; undefined where there is none @throws TlogError data_damaged when there is no such file
   */
  static async giveUp(path: string, size: number, from: number = size): Promise<SeedGap | undefined> {
    const file = await openFile(path, 'change');
    try {
      const gaps = await gapsOf(file, path);
      // Those made ahead are of no leaf that came from a source.
      const end = Math.min(await slotsOf(file), from);
      if (end >= size) return undefined;
      if (gaps.length === GAPS_MAX) throw damaged(`${path} has ${GAPS_MAX} gaps already`);
      await file.truncate(placeOf(size));
      await file.write(headerOf([...gaps, { start: end, end: size }]), 0);
      await file.sync();
      return { start: end, end: size };
    } finally {
      await file.close();
    }
  }

  /**
   * Opens the seeds of a tree of `size` leaves. What an earlier process made ahead is used, where it is whole: no leaf of
   * the tree depends on it. @throws TlogError data_damaged when there is no such file, or it ends below the tree; not_writable,
   * commit_unknown, storage_unreadable as the disk says
   */
  static async open(
    path: string,
    size: number,
    random: Random,
    { openWith, ahead }: SeedFileOptions = { openWith: openSlotFile, ahead: AHEAD },
  ): Promise<SeedFile> {
    const found = await openFile(path, 'change', openWith);
    const gaps = await settle(found, path, size).catch((error: unknown) => {
      throw refusalOf(path, error);
    });
    const file = await openFile(path, 'extend', openWith);
    try {
      return new SeedFile(file, random, { gaps, end: await slotsOf(file), ahead });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Opens the seeds of a tree for who only looks: as `open`, but nothing is changed, and none can be made. */
  static async inspect(path: string, size: number): Promise<Pick<Seeds, 'has' | 'read' | 'close'>> {
    const file = await openFile(path, 'look');
    try {
      const gaps = await gapsOf(file, path);
      const end = await slotsOf(file);
      if (end < size) throw damaged(`${path} has seeds of ${end} events, the tree has ${size}`);
      return new SeedFile(file, noRandom, { gaps, end, ahead: 0 });
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
    const to = end + this.#ahead;
    await writeSlots(this.#file, this.#random((to - this.#end) * SEED_BYTES), this.#end);
    if ((await this.#file.length()) !== placeOf(to))
      throw new TlogError('commit_unknown', 'another process makes seeds in the same file; look for it');
    await this.#file.sync();
    this.#end = to;
  }

  read(start: number, end: number): Uint8Array {
    if (end > this.#end) throw new RangeError(`no seeds of ${start} to ${end}`);
    const bytes = new Uint8Array((end - start) * SEED_BYTES);
    if (this.#file.readNow(bytes, placeOf(start)) === bytes.length) return bytes;
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
  file: SlotFile,
  size: number,
  runs: AsyncIterable<SeedRun> | readonly SeedRun[],
): Promise<readonly SeedGap[]> {
  const gaps: SeedGap[] = [];
  let at = 0;
  for await (const { start, seeds } of runs) {
    const end = start + seeds.length / SEED_BYTES;
    if (start < at || end > size) throw damaged('seeds do not ascend, or are of events beyond the tree');
    if (start > at) gaps.push({ start: at, end: start });
    await writeSlots(file, seeds, start);
    at = end;
  }
  if (at < size) gaps.push({ start: at, end: size });
  if (gaps.length <= GAPS_MAX) return gaps;
  throw damaged(`there are ${gaps.length} gaps between the seeds`);
}

async function writeSlots(file: SlotFile, seeds: Uint8Array, slot: number): Promise<void> {
  const written = await file.write(seeds, placeOf(slot));
  if (written === seeds.length) return;
  const message = `only ${written} of ${seeds.length} bytes of seeds were written: look at the disk, then start again`;
  throw new TlogError('commit_unknown', message);
}

/** A start that cannot write is refused as what it is: nothing is unknown yet. */
function refusalOf(path: string, error: unknown): unknown {
  return error instanceof TlogError && error.code === 'commit_unknown'
    ? writeRefusal(path, error.cause, error)
    : error;
}

function noRandom(): never {
  throw new TypeError('seeds were opened to be looked at');
}

async function slotsOf(file: SlotFile): Promise<number> {
  return Math.floor(((await file.length()) - HEADER_BYTES) / SEED_BYTES);
}

/**
 * Makes durable what an earlier process made ahead, and drops what was cut short, before a leaf depends on it. Gives the
 * gaps. It is written once more: what a failed sync left in the page cache, a later one passes over.
 */
async function settle(file: SlotFile, path: string, size: number): Promise<readonly SeedGap[]> {
  try {
    const gaps = await gapsOf(file, path);
    const found = await slotsOf(file);
    if (found < size) throw damaged(`${path} has seeds of ${found} events, the tree has ${size}`);
    const ahead = await wholeFrom(file, size, found);
    await writeSlots(file, ahead, size);
    await file.truncate(placeOf(size) + ahead.length);
    await file.sync();
    return gaps;
  } finally {
    await file.close();
  }
}

/** Seeds of [from, to) up to the first that was never written. */
async function wholeFrom(file: SlotFile, from: number, to: number): Promise<Uint8Array> {
  const ahead = new Uint8Array((to - from) * SEED_BYTES);
  await file.read(ahead, placeOf(from));
  for (let at = 0; at < ahead.length; at += SEED_BYTES)
    if (ahead.subarray(at, at + SEED_BYTES).every((byte) => byte === 0)) return ahead.subarray(0, at);
  return ahead;
}
