import { type FileHandle, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Guard, GuardMark, RaiseOutcome } from './guard.ts';
import { decodeSlot, encodeSlot, SLOT_BYTES } from './guard-slot.ts';

const OWNER = /^owner\.(0|[1-9][0-9]{0,14})$/;
/** Tries to take the next number while others take theirs. */
const TAKE_OVER_TRIES = 16;

/** Makes the guard of a new log. @throws TlogError data_exists when a guard is there already */
export async function createFileGuard(folder: string, mark: GuardMark): Promise<void> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    throw new TlogError(
      'data_exists',
      `a guard exists at ${folder}; a guard is never made anew over an old one`,
      { cause },
    );
  }
  const file = await open(join(folder, 'owner.0'), 'wx', 0o600);
  await file.write(Buffer.concat([encodeSlot(mark), Buffer.alloc(SLOT_BYTES)]));
  await file.sync();
  await file.close();
  await syncFolder(folder);
  await syncFolder(dirname(folder));
}

/** The mark that a guard holds, without taking it over. @throws TlogError guard_missing, guard_unreadable, guard_conflict */
export async function readFileGuard(folder: string): Promise<GuardMark> {
  return highest(folder, await ownerNumbers(folder));
}

/**
 * A guard in a folder on a local filesystem (spec/guard.md). Taking over makes `owner.(n+1)`; every raise then
 * looks for a higher number, so that of two processes at most one goes on.
 */
export class FileGuard implements Guard {
  readonly #folder: string;
  readonly #number: number;
  readonly #file: FileHandle;
  #mark: GuardMark;
  #slot: 0 | 1 = 0;

  private constructor(folder: string, number: number, file: FileHandle, mark: GuardMark) {
    this.#folder = folder;
    this.#number = number;
    this.#file = file;
    this.#mark = mark;
  }

  /** Takes the guard over from whoever had it. @throws TlogError guard_missing, guard_unreadable, guard_conflict, guard_superseded */
  static async takeOver(folder: string): Promise<FileGuard> {
    const { number, file } = await nextOwner(folder);
    try {
      await syncFolder(folder);
      const lower = (await ownerNumbers(folder)).filter((n) => n < number);
      const guard = new FileGuard(folder, number, file, await highest(folder, lower));
      const outcome = await guard.raise(guard.mark);
      if (outcome !== 'raised')
        throw new TlogError('guard_superseded', `another process took the guard at ${folder} over`);
      for (const n of lower) await unlink(join(folder, `owner.${n}`));
      return guard;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get mark(): GuardMark {
    return this.#mark;
  }

  /** Writes the older slot, syncs it, and only then looks whether a rival came. An error is `unknown`. */
  async raise(mark: GuardMark): Promise<RaiseOutcome> {
    try {
      const { bytesWritten } = await this.#file.write(
        encodeSlot(mark),
        0,
        SLOT_BYTES,
        this.#slot * SLOT_BYTES,
      );
      if (bytesWritten !== SLOT_BYTES) return 'unknown';
      await this.#file.datasync();
      this.#slot = this.#slot === 0 ? 1 : 0;
      if (await exists(join(this.#folder, `owner.${this.#number + 1}`))) return 'superseded';
      if (!(await exists(join(this.#folder, `owner.${this.#number}`)))) return 'superseded';
      this.#mark = mark;
      return 'raised';
    } catch {
      // Whatever the disk said, the raise may or may not have happened: the caller ends the process.
      return 'unknown';
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function nextOwner(folder: string): Promise<{ number: number; file: FileHandle }> {
  for (let tries = 0; tries < TAKE_OVER_TRIES; tries += 1) {
    const number = Math.max(...(await ownerNumbers(folder))) + 1;
    try {
      return { number, file: await open(join(folder, `owner.${number}`), 'wx+', 0o600) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unreadable(folder, error);
    }
  }
  throw new TlogError(
    'guard_superseded',
    `other processes keep taking the guard at ${folder} over; stop them`,
  );
}

async function ownerNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw missing(folder, cause);
  });
  const numbers = names
    .map((name) => OWNER.exec(name)?.[1])
    .filter((n) => n !== undefined)
    .map(Number);
  if (numbers.length === 0) throw missing(folder, undefined);
  return numbers.sort((a, b) => a - b);
}

async function highest(folder: string, numbers: readonly number[]): Promise<GuardMark> {
  let best: GuardMark | undefined;
  for (const number of numbers) {
    for (const mark of await readSlots(folder, number)) {
      if (best?.size === mark.size && !equalBytes(best.rootHash, mark.rootHash)) {
        throw new TlogError(
          'guard_conflict',
          `the guard at ${folder} holds two roots for size ${mark.size}: keep both files as evidence`,
        );
      }
      if (best === undefined || mark.size > best.size) best = mark;
    }
  }
  if (best === undefined) throw unreadable(folder, undefined);
  return best;
}

async function readSlots(folder: string, number: number): Promise<GuardMark[]> {
  const bytes = await readFile(join(folder, `owner.${number}`)).catch((cause: unknown) => {
    // A file removed by a rival's take-over says nothing; the rival is found when we raise.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw unreadable(folder, cause);
  });
  const slots = [bytes.subarray(0, SLOT_BYTES), bytes.subarray(SLOT_BYTES, 2 * SLOT_BYTES)];
  return slots.map(decodeSlot).filter((mark) => mark !== undefined);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Makes a folder's list of names durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function missing(folder: string, cause: unknown): TlogError {
  return new TlogError(
    'guard_missing',
    `no guard at ${folder}: copy it back from where the data was, or see stele guard reset`,
    { cause },
  );
}

function unreadable(folder: string, cause: unknown): TlogError {
  return new TlogError(
    'guard_unreadable',
    `the guard at ${folder} has no readable mark: restore it, or see stele guard reset`,
    { cause },
  );
}
