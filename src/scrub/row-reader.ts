import { TlogError } from '../core/error.ts';
import type { Damage } from '../sequencer/finding.ts';
import { damageOf } from '../sequencer/finding.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { foundValue, unsealValue } from '../store/checked-store.ts';
import { rowName } from '../store/row-place.ts';
import { rowsAfter } from '../store/rows.ts';

/** Rows by key that are read in one go. */
export const PAGE_ROWS = 256;

/** A row's value, or why there is none to go by, with the bytes that are there in its place. */
export type ReadRow = { readonly value: Uint8Array } | DamagedRow;

/** A row of which the check fails, that is missing, or that cannot be read. */
export interface DamagedRow {
  readonly damage: Damage;
  /** Without the check, whatever they are; absent where there are none. */
  readonly found?: Uint8Array;
}

/** A row of a page, with its key. */
export type PageRow = ReadRow & { readonly key: Uint8Array };

/**
 * Rows from the disk and never from the memory of readers. Reads go through iterators and batches, which run in the
 * thread pool. Errors of the disk are thrown as they come; what LevelDB calls corruption is damage.
 */
export class RowReader {
  readonly #stored: StoredLog['stored'];

  constructor(stored: StoredLog['stored']) {
    this.#stored = stored;
  }

  /** One row; a missing one is damage. */
  async read(key: Uint8Array): Promise<ReadRow> {
    try {
      for await (const [found, sealed] of this.#stored.iterate({ start: key, end: after(key), limit: 1 }))
        if (Buffer.compare(found, key) === 0) return opened(key, sealed);
    } catch (error) {
      return { damage: unreadable(key, error) };
    }
    return { damage: { row: key, message: `${rowName(key)} is missing` } };
  }

  /** Many rows by one batched read, in the order of the keys; undefined where there is none. */
  async readMany(keys: readonly Uint8Array[]): Promise<readonly (ReadRow | undefined)[]> {
    // As many as a bundle has entries: from a cold disk they would hold up the event loop for as many seeks.
    const found = await this.#stored.getMany(keys, { inPool: true });
    return keys.map((key, i) => {
      const sealed = found[i];
      return sealed === undefined ? undefined : opened(key, sealed);
    });
  }

  /** The next rows of one sort, at most `limit`; fewer only at their end. */
  async page(letter: number, afterKey: Uint8Array | undefined, limit: number): Promise<readonly PageRow[]> {
    const rows: PageRow[] = [];
    for await (const [key, sealed] of this.#stored.iterate({ ...rowsAfter(letter, afterKey), limit }))
      rows.push({ key, ...opened(key, sealed) });
    return rows;
  }

  /** All rows of one sort, page by page; what is written while it reads may be left out. Rejects with the signal's reason. */
  async *pages(letter: number, signal?: AbortSignal): AsyncGenerator<readonly PageRow[]> {
    for (let last: Uint8Array | undefined; ; ) {
      signal?.throwIfAborted();
      const page = await this.page(letter, last, PAGE_ROWS);
      yield page;
      last = page.at(-1)?.key;
      if (page.length < PAGE_ROWS) return;
    }
  }
}

function after(key: Uint8Array): Uint8Array {
  return new Uint8Array([...key, 0]);
}

/** The value of a stored row, or that it fails its check. */
export function opened(key: Uint8Array, sealed: Uint8Array): ReadRow {
  try {
    return { value: unsealValue(key, sealed) };
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return { damage: { ...damage, message: `${rowName(key)} fails its check` }, found: foundValue(sealed) };
  }
}

function unreadable(key: Uint8Array, error: unknown): Damage {
  if ((error as { code?: string }).code !== 'LEVEL_CORRUPTION' && !(error instanceof TlogError)) throw error;
  return { row: key, message: `${rowName(key)} lies in a damaged block` };
}
