import { TlogError } from '../core/error.ts';
import type { Now } from '../runtime/now.ts';
import type { Slices } from '../runtime/slices.ts';
import { corruptRow } from './corrupt-row.ts';
import { writeRefusal } from './disk-error.ts';
import { DiskLevel, isLocked } from './disk-level.ts';
import type { CommitOutcome, KeyRange, Store, StoreBatch } from './store.ts';

/**
 * Up to this many keys, all that the requests of a commit bring, are read in place (2 us a key); more go to the thread
 * pool in one call, which costs a turn of the event loop.
 */
const SYNC_READ_KEYS_MAX = 512;
/** Rows fetched at a time while iterating. */
const ITERATE_ROWS = 256;

/** Between these are all keys: each begins with a letter. */
const FIRST_KEY = Uint8Array.of(0x00);
const BEYOND_KEYS = Uint8Array.of(0xff);

/** What the store asks of LevelDB: the seam beneath which a simulation puts an engine that fails as LevelDB does. */
export interface LevelEngine {
  open(): Promise<void>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  batch(): {
    put(key: Uint8Array, value: Uint8Array): unknown;
    del(key: Uint8Array): unknown;
    write(options: { readonly sync: true }): Promise<void>;
  };
  iterator(range: {
    readonly gte: Uint8Array;
    readonly lt: Uint8Array;
    readonly reverse: boolean;
    readonly limit: number;
  }): { nextv(rows: number): Promise<[Uint8Array, Uint8Array][]>; close(): Promise<void> };
  /** Whether its files are still those that were opened; an engine without files leaves it out. */
  inPlace?(): boolean;
  /** Writes the tables of a range anew; an engine without files leaves it out. */
  compactRange?(start: Uint8Array, end: Uint8Array): Promise<void>;
  /** Lets go of the files as they were before the open; without it, closing puts them back. */
  accept?(): Promise<void>;
  close(): Promise<void>;
}

/** Whether opening may make a database, and whether it must not find one. */
export interface OpenMode {
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
}

/** An engine on a folder, not open yet. */
export type LevelMaker = (path: string, mode: OpenMode) => Now<LevelEngine>;

/**
 * The store on LevelDB. It never creates a database on open (an absent CURRENT file would open empty and delete
 * the tables) and every commit is synced. After one write error LevelDB acks writes that are already lost, so
 * an error is reported as `unknown` and every later commit too; so is a commit into files that were taken away.
 */
export class LevelStore implements Store {
  readonly #path: string;
  readonly #db: LevelEngine;
  #broken = false;
  #accepted: boolean;
  lastError: unknown;

  private constructor(path: string, db: LevelEngine, accepted: boolean) {
    this.#path = path;
    this.#accepted = accepted;
    this.#db = db;
  }

  /** Makes a new, empty database. @throws TlogError data_exists */
  static async create(path: string, make: LevelMaker = DiskLevel.make): Promise<LevelStore> {
    return LevelStore.#open(
      path,
      () => make(path, { createIfMissing: true, errorIfExists: true }),
      'data_exists',
    );
  }

  /** Opens an existing database; never makes one. @throws TlogError data_damaged, data_locked, not_writable */
  static async open(path: string, make: LevelMaker = DiskLevel.make): Promise<LevelStore> {
    return LevelStore.#open(
      path,
      () => make(path, { createIfMissing: false, errorIfExists: false }),
      'data_damaged',
    );
  }

  static async #open(
    path: string,
    make: () => Now<LevelEngine>,
    code: 'data_exists' | 'data_damaged',
  ): Promise<LevelStore> {
    try {
      const db = await make();
      await db.open();
      return new LevelStore(path, db, code === 'data_exists');
    } catch (cause) {
      if (cause instanceof TlogError) throw cause;
      if (isLocked(cause))
        throw new TlogError('data_locked', `${path} is in use by another process; stop it first`, { cause });
      const message = `cannot open the database at ${path}`;
      throw writeRefusal(path, cause, new TlogError(code, message, { cause }));
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#db.getSync(key);
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      throw corruptRow(key, 'lies in a damaged block', cause);
    }
  }

  getMany(
    keys: readonly Uint8Array[],
    { inPool = false }: { readonly inPool?: boolean } = {},
  ): readonly (Uint8Array | undefined)[] | Promise<readonly (Uint8Array | undefined)[]> {
    if (inPool || keys.length > SYNC_READ_KEYS_MAX) return this.#getInPool(keys);
    return keys.map((key) => this.get(key));
  }

  /** LevelDB does not say which of the rows it cannot read: each is read again alone, to name it. */
  async #getInPool(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    try {
      return await this.#db.getMany([...keys]);
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      return keys.map((key) => this.get(key));
    }
  }

  async commit(batch: StoreBatch, slices?: Slices): Promise<CommitOutcome> {
    if (!this.#accepted) throw new TypeError('a commit before accept: the close would undo it');
    if (this.#broken) return 'unknown';
    try {
      const chain = this.#db.batch();
      for (const { key, value } of batch.puts) {
        chain.put(key, value);
        const turn = slices?.spent(value.length);
        if (turn !== undefined) await turn;
      }
      for (const key of batch.deletes) chain.del(key);
      await chain.write({ sync: true });
      if (!this.inPlace())
        throw new Error('the database is not where it was opened: moved, removed or replaced');
      return 'committed';
    } catch (error) {
      this.#broken = true;
      this.lastError = error;
      return 'unknown';
    }
  }

  async *iterate(range: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const iterator = this.#db.iterator({
      gte: range.start,
      lt: range.end,
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
    });
    try {
      for (let next = iterator.nextv(ITERATE_ROWS); ; ) {
        const rows = await next;
        if (rows.length === 0) return;
        // Read while the last ones are looked at.
        next = iterator.nextv(ITERATE_ROWS);
        next.catch(() => undefined);
        // One by one: `yield*` would wait for each row as if it were a promise, for three times as long.
        for (const row of rows) yield row;
      }
    } finally {
      await iterator.close();
    }
  }

  /** Writes all tables anew: bytes that were damaged and that no row needs any more are gone then. */
  async compact(): Promise<void> {
    if (!this.#accepted) throw new TypeError('a compaction before accept: the close would undo it');
    await this.#db.compactRange?.(FIRST_KEY, BEYOND_KEYS);
  }

  inPlace(): boolean {
    return this.#db.inPlace?.() ?? true;
  }

  async accept(): Promise<void> {
    try {
      await this.#db.accept?.();
      this.#accepted = true;
    } catch (cause) {
      const message = `the files kept beside ${this.#path} could not be let go`;
      throw writeRefusal(this.#path, cause, new TlogError('data_damaged', message, { cause }));
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}

/** What LevelDB itself notices is damage as well; a disk that does not answer is not. */
function isDamage(cause: unknown): boolean {
  return (cause as { code?: string }).code === 'LEVEL_CORRUPTION';
}
