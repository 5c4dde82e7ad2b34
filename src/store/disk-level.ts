import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import { KeptFiles } from './kept-files.ts';
import type { LevelEngine, OpenMode } from './level-store.ts';

/** Set once for the database: passing them to each call makes a put three times dearer. */
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/**
 * Tables that LevelDB keeps open, and ten files more: it maps each into memory, where what was read stays. Of 1,000, as it has
 * by itself, a log of ten million entries had 550 MiB. Of 64, a look-up of what is not there took 66 µs in eight million entries,
 * since it opened tables again; of 112 it takes 15.
 */
const OPEN_FILES = 122;

type Db = Level<Uint8Array, Uint8Array>;

/** LevelDB on the machine's disk, with its files kept until they are accepted, and watched from then on. */
export class DiskLevel implements LevelEngine {
  readonly #path: string;
  readonly #db: Db;
  readonly #opening: Promise<void>;
  /** Until the content is accepted. */
  #kept: KeptFiles | undefined;
  #opened: string | undefined;

  private constructor(path: string, mode: OpenMode, kept: KeptFiles | undefined) {
    this.#path = path;
    this.#kept = kept;
    this.#db = new Level(path, { ...ENCODINGS, maxOpenFiles: OPEN_FILES, ...mode });
    // At once: a Level that is not opened in the turn that makes it opens by itself, and a second open would be
    // a second try on what a failed first one has left.
    this.#opening = this.#db.open();
    this.#opening.catch(() => undefined);
  }

  /** Keeps the files first, then begins to open. Rejects with what the filesystem says. */
  static async make(path: string, mode: OpenMode): Promise<DiskLevel> {
    return new DiskLevel(path, mode, mode.createIfMissing ? undefined : await KeptFiles.keep(path));
  }

  async open(): Promise<void> {
    try {
      await this.#opening;
    } catch (error) {
      await this.#afterFailedOpen(error);
      throw error;
    }
    this.#opened = this.#identity();
  }

  /** Another process that has it open goes on with its files; in every other case LevelDB may have deleted some. */
  async #afterFailedOpen(error: unknown): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await (isLocked(error) ? kept?.forget() : kept?.putBack());
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#db.getSync(key);
    } catch (error) {
      throw withCode(error);
    }
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#db.getMany(keys);
  }

  batch(): ReturnType<LevelEngine['batch']> {
    return this.#db.batch();
  }

  iterator(range: Parameters<LevelEngine['iterator']>[0]): ReturnType<LevelEngine['iterator']> {
    return this.#db.iterator(range);
  }

  compactRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    return (this.#db as Db & Required<Pick<LevelEngine, 'compactRange'>>).compactRange(start, end);
  }

  /** LevelDB writes on into files that nobody will find again, and calls that a success. */
  inPlace(): boolean {
    return this.#opened !== undefined && this.#identity() === this.#opened;
  }

  /** What a rename, a removal or another database in the same place changes; CURRENT stays as the open made it. */
  #identity(): string | undefined {
    const folder = statSync(this.#path, { throwIfNoEntry: false });
    const current = statSync(join(this.#path, 'CURRENT'), { throwIfNoEntry: false });
    if (folder === undefined || current === undefined) return undefined;
    return `${folder.dev}/${folder.ino}/${current.ino}`;
  }

  async accept(): Promise<void> {
    await this.#kept?.drop();
    this.#kept = undefined;
  }

  async close(): Promise<void> {
    await this.#db.close();
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.putBack();
  }
}

/** Whether the open failed because another process has the database. */
export function isLocked(error: unknown): boolean {
  return (error as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED';
}

/** What the disk said to a look-up, with the code that all other calls of classic-level 3.0.0 give it. */
function withCode(error: unknown): unknown {
  const isBare = error instanceof Error && !('code' in error) && error.message.startsWith('IO error');
  return isBare ? Object.assign(error, { code: 'LEVEL_IO_ERROR' }) : error;
}
