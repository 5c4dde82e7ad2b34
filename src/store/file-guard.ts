import { constants, statSync, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { Guard, GuardMark, RaiseOutcome } from './guard.ts';
import { decodeSlot, encodeSlot, SLOT_BYTES } from './guard-slot.ts';

const OWNER = /^owner\.(0|[1-9][0-9]{0,14})$/;
/** Tries to take the next number while others take theirs. */
const TAKE_OVER_TRIES = 16;
/** A new file whose every write returns after its bytes are on the disk: one call does what write and fdatasync do. */
const NEW_SYNCED: number = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC;
/** The call by descriptor: a FileHandle's own costs a commit with one client a tenth of its time. */
const writeAt = promisify(write);

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
  readonly #ownPath: string;
  readonly #rivalPath: string;
  readonly #file: FileHandle;
  #mark: GuardMark;
  #slot: 0 | 1 = 0;

  private constructor(folder: string, number: number, file: FileHandle, mark: GuardMark) {
    this.#ownPath = join(folder, `owner.${number}`);
    this.#rivalPath = join(folder, `owner.${number + 1}`);
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

  /** Writes the older slot durably, and only then looks whether a rival came. An error is `unknown`. */
  async raise(mark: GuardMark): Promise<RaiseOutcome> {
    try {
      const at = this.#slot * SLOT_BYTES;
      const { bytesWritten } = await writeAt(this.#file.fd, encodeSlot(mark), 0, SLOT_BYTES, at);
      if (bytesWritten !== SLOT_BYTES) return 'unknown';
      this.#slot = this.#slot === 0 ? 1 : 0;
      if (exists(this.#rivalPath) || !exists(this.#ownPath)) return 'superseded';
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
      return { number, file: await open(join(folder, `owner.${number}`), NEW_SYNCED, 0o600) };
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

/** Asked at once, not in the thread pool: a name on a local filesystem costs 2 us, a turn of the pool twenty times that. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
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
