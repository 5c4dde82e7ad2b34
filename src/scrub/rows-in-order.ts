import type { StoredLog } from '../sequencer/stored-log.ts';
import { LETTER, readU64 } from '../store/rows.ts';
import { opened, type ReadRow, RowReader } from './row-reader.ts';

const NUMBER_BYTES = 8;

/** Rows of one sort from an iterator that stays open. */
interface Way {
  readonly rows: AsyncIterator<readonly [key: Uint8Array, value: Uint8Array]>;
  /** Number of the row that comes next, where none is missing. */
  next: number;
}

/**
 * Rows for somebody who reads all bundles and tiles one after the other: iterators stay where the last read ended, and the
 * store reads on meanwhile. Any other read is as good as ever. To be disposed before the store closes.
 */
export class RowsInOrder extends RowReader implements AsyncDisposable {
  readonly #stored: StoredLog['stored'];
  /** By what stands before the number in a key, in hex. */
  readonly #ways = new Map<string, Way>();

  constructor(stored: StoredLog['stored']) {
    super(stored);
    this.#stored = stored;
  }

  override async read(key: Uint8Array): Promise<ReadRow> {
    const isNumbered = key[0] === LETTER.bundle || key[0] === LETTER.tile;
    const sealed = isNumbered ? await this.#next(key) : undefined;
    return sealed === undefined ? super.read(key) : opened(key, sealed);
  }

  /** The row behind the last one of its sort; undefined where that is another one or cannot be read. */
  async #next(key: Uint8Array): Promise<Uint8Array | undefined> {
    const way = await this.#wayTo(key);
    way.next += 1;
    try {
      const { done, value } = await way.rows.next();
      if (done !== true && Buffer.compare(value[0], key) === 0) return value[1];
    } catch {
      // The read of this row alone tells whether it is damaged or the disk does not answer.
    }
    way.next = Number.NaN;
    return undefined;
  }

  async #wayTo(key: Uint8Array): Promise<Way> {
    const prefix = key.subarray(0, key.length - NUMBER_BYTES);
    const sort = Buffer.from(prefix).toString('hex');
    const number = readU64(key, prefix.length);
    const known = this.#ways.get(sort);
    if (known?.next === number) return known;
    await known?.rows.return?.();
    const end = new Uint8Array(key.length).fill(0xff);
    end.set(prefix);
    const rows = this.#stored.iterate({ start: key, end })[Symbol.asyncIterator]();
    const way = { rows, next: number };
    this.#ways.set(sort, way);
    return way;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { rows } of this.#ways.values()) await rows.return?.();
  }
}
