import { dirname, join } from 'node:path';
import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { writeRefusal } from './disk-error.ts';
import type { Guard, GuardMark, RaiseOutcome } from './guard.ts';
import { type GuardFile, type GuardFiles, nodeGuardFiles } from './guard-files.ts';
import { decodeSlot, encodeSlot, SLOT_BYTES } from './guard-slot.ts';

const OWNER = /^owner\.(0|[1-9][0-9]{0,14})$/;
/** Tries to take the next number while others take theirs. */
const TAKE_OVER_TRIES = 16;

/** What a guard is made with, beyond its folder and its mark. */
export interface NewGuard {
  /** Number of the first owner; default 0. */
  readonly number?: number;
  readonly files?: GuardFiles;
}

/** Whether a mark is above another one. Marks of one size differ where the guarded party counts more than entries. */
export type IsAbove = (mark: GuardMark, other: GuardMark) => boolean;

const isLarger: IsAbove = (mark, other) => mark.size > other.size;

/** Makes the guard of a log. @throws TlogError data_exists when a guard is there already, invalid_config where its folder cannot be, not_writable */
export async function createFileGuard(
  folder: string,
  mark: GuardMark,
  { number = 0, files = nodeGuardFiles }: NewGuard = {},
): Promise<void> {
  await files.mkdir(dirname(folder), { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    const message = `${dirname(folder)} cannot be made (${(cause as Error).message}): it must be a folder`;
    throw writeRefusal(folder, cause, new TlogError('invalid_config', message, { cause }));
  });
  try {
    await files.mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    throw new TlogError(
      'data_exists',
      `a guard exists at ${folder}; a guard is never made anew over an old one`,
      { cause },
    );
  }
  const file = await files.openNew(join(folder, `owner.${number}`));
  await file.write(Buffer.concat([encodeSlot(mark), Buffer.alloc(SLOT_BYTES)]), 0);
  await file.sync();
  await file.close();
  await files.syncFolder(folder);
  await files.syncFolder(dirname(folder));
}

/** The mark that a guard holds, without taking it over. @throws TlogError guard_missing, guard_unreadable, guard_conflict */
export async function readFileGuard(folder: string, files: GuardFiles = nodeGuardFiles): Promise<GuardMark> {
  return highest({ files, folder, isAbove: isLarger }, await ownerNumbers(files, folder));
}

/**
 * A guard in a folder on a local filesystem (spec/guard.md). Taking over makes `owner.(n+1)`; every raise then
 * looks for a higher number, so that of two processes at most one goes on.
 */
export class FileGuard implements Guard {
  readonly #ownPath: string;
  readonly #rivalPath: string;
  readonly #files: GuardFiles;
  readonly #file: GuardFile;
  #mark: GuardMark;
  #slot: 0 | 1 = 0;
  lastError: unknown;

  private constructor(files: GuardFiles, folder: string, own: Owner, mark: GuardMark) {
    const { number, file } = own;
    this.#files = files;
    this.#ownPath = join(folder, `owner.${number}`);
    this.#rivalPath = join(folder, `owner.${number + 1}`);
    this.#file = file;
    this.#mark = mark;
  }

  /**
   * Takes the guard over from whoever had it.
   * @throws TlogError guard_missing, guard_unreadable, guard_conflict, guard_superseded, not_writable
   */
  static async takeOver(
    folder: string,
    files: GuardFiles = nodeGuardFiles,
    isAbove: IsAbove = isLarger,
  ): Promise<FileGuard> {
    const own = await nextOwner(files, folder);
    try {
      await files.syncFolder(folder);
      const lower = (await ownerNumbers(files, folder)).filter((n) => n < own.number);
      const guard = new FileGuard(files, folder, own, await highest({ files, folder, isAbove }, lower));
      await guard.#firstRaise(folder);
      for (const n of lower) await files.unlink(join(folder, `owner.${n}`)).catch(ignoreMissing);
      // An earlier owner may still write a mark into its file, which nobody will have seen: after a power cut that file
      // must not be there again, beside marks of ours for the same size.
      await files.syncFolder(folder);
      return guard;
    } catch (error) {
      // The file stays, empty or not: a number that came back would be one that a rival does not look for.
      await own.file.close();
      throw error;
    }
  }

  /** The mark that was found, in the own file. Both slots get their place now, so that no later raise finds the disk full. */
  async #firstRaise(folder: string): Promise<void> {
    await this.#file.write(Buffer.alloc(2 * SLOT_BYTES), 0).catch((error: unknown) => {
      throw writeRefusal(folder, error, unknownRaise(folder, error));
    });
    const outcome = await this.raise(this.#mark);
    if (outcome === 'superseded')
      throw new TlogError('guard_superseded', `another process took the guard at ${folder} over`);
    if (outcome === 'unknown')
      throw writeRefusal(folder, this.lastError, unknownRaise(folder, this.lastError));
  }

  get mark(): GuardMark {
    return this.#mark;
  }

  /** Writes the older slot durably, and only then looks whether a rival came. An error is `unknown`. */
  async raise(mark: GuardMark): Promise<RaiseOutcome> {
    try {
      const bytesWritten = await this.#file.write(encodeSlot(mark), this.#slot * SLOT_BYTES);
      if (bytesWritten !== SLOT_BYTES) throw new Error(`${bytesWritten} bytes of a slot were written`);
      this.#slot = this.#slot === 0 ? 1 : 0;
      if (this.#files.exists(this.#rivalPath) || !this.#files.exists(this.#ownPath)) return 'superseded';
      this.#mark = mark;
      return 'raised';
    } catch (error) {
      this.lastError = error;
      // Whatever the disk said, the raise may or may not have happened: the caller ends the process.
      return 'unknown';
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Who took the guard over after us removes lower files as well, and is found when we raise. */
function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

/** A number in the folder, and its file. */
interface Owner {
  readonly number: number;
  readonly file: GuardFile;
}

async function nextOwner(files: GuardFiles, folder: string): Promise<Owner> {
  for (let tries = 0; tries < TAKE_OVER_TRIES; tries += 1) {
    const number = Math.max(...(await ownerNumbers(files, folder))) + 1;
    try {
      return { number, file: await files.openNew(join(folder, `owner.${number}`)) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw writeRefusal(folder, error, unreadable(folder, error));
    }
  }
  throw new TlogError(
    'guard_superseded',
    `other processes keep taking the guard at ${folder} over; stop them`,
  );
}

async function ownerNumbers(files: GuardFiles, folder: string): Promise<number[]> {
  const names = await files.readdir(folder).catch((cause: unknown) => {
    throw missing(folder, cause);
  });
  const numbers = names
    .map((name) => OWNER.exec(name)?.[1])
    .filter((n) => n !== undefined)
    .map(Number);
  if (numbers.length === 0) throw missing(folder, undefined);
  return numbers.sort((a, b) => a - b);
}

interface Search {
  readonly files: GuardFiles;
  readonly folder: string;
  readonly isAbove: IsAbove;
}

async function highest({ files, folder, isAbove }: Search, numbers: readonly number[]): Promise<GuardMark> {
  let best: GuardMark | undefined;
  for (const number of numbers) {
    for (const mark of await readSlots(files, folder, number)) {
      if (best?.size === mark.size && !equalBytes(best.rootHash, mark.rootHash)) {
        throw new TlogError(
          'guard_conflict',
          `the guard at ${folder} holds two roots for size ${mark.size}: keep both files as evidence`,
        );
      }
      if (best === undefined || isAbove(mark, best)) best = mark;
    }
  }
  if (best === undefined) throw unreadable(folder, undefined);
  return best;
}

async function readSlots(files: GuardFiles, folder: string, number: number): Promise<GuardMark[]> {
  const bytes = await files.readFile(join(folder, `owner.${number}`)).catch((cause: unknown) => {
    // A file removed by a rival's take-over says nothing; the rival is found when we raise.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw unreadable(folder, cause);
  });
  const slots = [bytes.subarray(0, SLOT_BYTES), bytes.subarray(SLOT_BYTES, 2 * SLOT_BYTES)];
  return slots.map(decodeSlot).filter((mark) => mark !== undefined);
}

function missing(folder: string, cause: unknown): TlogError {
  return new TlogError(
    'guard_missing',
    `no guard at ${folder}: copy it back from where the data was, or see stele guard reset`,
    { cause },
  );
}

function unknownRaise(folder: string, cause: unknown): TlogError {
  return new TlogError('guard_unknown', `the guard at ${folder} could not be written; look at its disk`, {
    cause,
  });
}

function unreadable(folder: string, cause: unknown): TlogError {
  return new TlogError(
    'guard_unreadable',
    `the guard at ${folder} has no readable mark: restore it, or see stele guard reset`,
    { cause },
  );
}
