import { Level } from 'level';
import { TlogError } from '../core/error.ts';
import type { CommitOutcome, KeyRange, Store, StoreBatch } from './store.ts';

/** Up to this many keys are read in place (2 us a key); more go to the thread pool in one call. */
const SYNC_READ_KEYS_MAX = 64;
/** Rows fetched at a time while iterating. */
const ITERATE_ROWS = 256;

/** Set once for the database: passing them to each call makes a put three times dearer. */
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

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
  close(): Promise<void>;
}

/** Whether opening may make a database, and whether it must not find one. */
export interface OpenMode {
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
}

/** An engine on a folder, not open yet. */
export type LevelMaker = (path: string, mode: OpenMode) => LevelEngine;

const makeLevel: LevelMaker = (path, mode) =>
  new Level<Uint8Array, Uint8Array>(path, { ...ENCODINGS, ...mode });

/**
 * The store on LevelDB. It never creates a database on open (an absent CURRENT file would open empty and delete
 * the tables) and every commit is synced. After one write error LevelDB acks writes that are already lost, so
 * an error is reported as `unknown` and every later commit too.
 */
export class LevelStore implements Store {
  readonly #db: LevelEngine;
  #broken = false;
  /** The engine's last write error, for the message of the process's end. */
  lastError: unknown;

  private constructor(db: LevelEngine) {
    this.#db = db;
  }

  /** Makes a new, empty database. @throws TlogError data_exists */
  static async create(path: string, make: LevelMaker = makeLevel): Promise<LevelStore> {
    return LevelStore.#open(path, make(path, { createIfMissing: true, errorIfExists: true }), 'data_exists');
  }

  /** Opens an existing database; never makes one. @throws TlogError data_damaged, data_locked */
  static async open(path: string, make: LevelMaker = makeLevel): Promise<LevelStore> {
    return LevelStore.#open(
      path,
      make(path, { createIfMissing: false, errorIfExists: false }),
      'data_damaged',
    );
  }

  static async #open(
    path: string,
    db: LevelEngine,
    code: 'data_exists' | 'data_damaged',
  ): Promise<LevelStore> {
    try {
      await db.open();
    } catch (cause) {
      const locked = (cause as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED';
      if (locked)
        throw new TlogError('data_locked', `${path} is in use by another process; stop it first`, { cause });
      throw new TlogError(code, `cannot open the database at ${path}; restore it from a backup or a mirror`, {
        cause,
      });
    }
    return new LevelStore(db);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#db.getSync(key);
  }

  getMany(
    keys: readonly Uint8Array[],
  ): readonly (Uint8Array | undefined)[] | Promise<(Uint8Array | undefined)[]> {
    if (keys.length > SYNC_READ_KEYS_MAX) return this.#db.getMany([...keys]);
    return keys.map((key) => this.#db.getSync(key));
  }

  async commit(batch: StoreBatch): Promise<CommitOutcome> {
    if (this.#broken) return 'unknown';
    try {
      const chain = this.#db.batch();
      for (const { key, value } of batch.puts) chain.put(key, value);
      for (const key of batch.deletes) chain.del(key);
      await chain.write({ sync: true });
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
      for (
        let rows = await iterator.nextv(ITERATE_ROWS);
        rows.length > 0;
        rows = await iterator.nextv(ITERATE_ROWS)
      ) {
        yield* rows;
      }
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
