import { crc32 } from 'node:zlib';
import { SharedMemory } from '../core/bytes.ts';
import type { Slices } from '../runtime/slices.ts';
import { corruptRow } from './corrupt-row.ts';
import { type RowPart, rowPart } from './row-place.ts';
import { writeU32 } from './rows.ts';
import type { CommitOutcome, KeyRange, ReadOptions, Store, StoreBatch } from './store.ts';

type Put = StoreBatch['puts'][number];

const CHECK_BYTES = 4;
/** Half a millisecond of work. */
const CHECKED_AT_ONCE_BYTES = 1024 * 1024;

const shared = new SharedMemory();

/** The stored form of a value: the value, then the CRC-32 of key and value. Spec STORE-2. In memory that it shares with others. */
export function sealValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = shared.take(value.length + CHECK_BYTES);
  sealed.set(value);
  writeU32(sealed, value.length, crc32(value, crc32(key)));
  return sealed;
}

/** The value in a stored row; a view. @throws TlogError storage_corrupt when key and value do not belong together */
export function unsealValue(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (!fitsCheck(key, sealed)) throw corruptRow(key, 'fails its check');
  return foundValue(sealed);
}

/** Whether key and value of a stored row belong together. */
export function fitsCheck(key: Uint8Array, sealed: Uint8Array): boolean {
  return crc32(foundValue(sealed), crc32(key)) === checkIn(sealed);
}

/** The same, with turns of the event loop between the parts of a long one. */
async function unsealInSlices(key: Uint8Array, sealed: Uint8Array, slices: Slices): Promise<Uint8Array> {
  const value = foundValue(sealed);
  let check = crc32(key);
  for (let at = 0; at < value.length; at += CHECKED_AT_ONCE_BYTES) {
    const part = value.subarray(at, at + CHECKED_AT_ONCE_BYTES);
    check = crc32(part, check);
    const turn = slices.spent(part.length);
    if (turn !== undefined) await turn;
  }
  if (check === checkIn(sealed)) return value;
  throw corruptRow(key, 'fails its check');
}

/** What is there in the place of a value, whatever the check says: to be compared, and never to be served. */
export function foundValue(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(0, Math.max(0, sealed.length - CHECK_BYTES));
}

/** Undefined where there is no room for one. */
function checkIn({ buffer, byteOffset, length }: Uint8Array): number | undefined {
  if (length < CHECK_BYTES) return undefined;
  return new DataView(buffer, byteOffset + length - CHECK_BYTES, CHECK_BYTES).getUint32(0);
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

/**
 * A store whose every value carries a check bound to its key, since LevelDB serves rotten and misplaced values
 * without a word. @throws TlogError storage_corrupt from every read
 */
export class CheckedStore implements Store {
  readonly #store: Store;
  /** Keys of rows that are known to be wrong though their check holds. */
  readonly #withheld = new Set<string>();
  /** Sorts of which more rows are wrong than are known one by one. */
  readonly #withheldSorts = new Set<RowPart>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Every later read of the row throws storage_corrupt, whatever its bytes are; spec SCRUB-4. */
  withhold(key: Uint8Array): void {
    this.#withheld.add(nameOf(key));
  }

  /** Every later read of a row of this sort throws storage_corrupt; spec SCRUB-6. */
  withholdSort(part: RowPart): void {
    this.#withheldSorts.add(part);
  }

  get(key: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    this.#checkServed(key);
    const found = this.#store.get(key);
    if (found instanceof Promise) return found.then((value) => unsealed(key, value));
    return unsealed(key, found);
  }

  getMany(
    keys: readonly Uint8Array[],
    options?: ReadOptions,
  ): readonly (Uint8Array | undefined)[] | Promise<readonly (Uint8Array | undefined)[]> {
    for (const key of keys) this.#checkServed(key);
    const found = this.#store.getMany(keys, options);
    if (!(found instanceof Promise)) return unsealedAll(keys, found);
    const { slices } = options ?? {};
    return found.then((values) =>
      slices === undefined ? unsealedAll(keys, values) : unsealedInSlices(keys, values, slices),
    );
  }

  commit(batch: StoreBatch, slices?: Slices): Promise<CommitOutcome> {
    if (slices !== undefined) return this.#commitInSlices(batch, slices);
    return this.#store.commit({ puts: batch.puts.map(sealed), deletes: batch.deletes });
  }

  async #commitInSlices({ puts, deletes }: StoreBatch, slices: Slices): Promise<CommitOutcome> {
    const made: Put[] = [];
    for (const put of puts) {
      made.push(sealed(put));
      const turn = slices.spent(put.value.length);
      if (turn !== undefined) await turn;
    }
    return this.#store.commit({ puts: made, deletes }, slices);
  }

  async *iterate(range: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    for await (const [key, value] of this.#store.iterate(range)) {
      this.#checkServed(key);
      yield [key, unsealValue(key, value)];
    }
  }

  #checkServed(key: Uint8Array): void {
    if (this.#withheld.size > 0 && this.#withheld.has(nameOf(key)))
      throw corruptRow(key, 'is known to be damaged and is not served');
    if (this.#withheldSorts.size > 0 && this.#withheldSorts.has(rowPart(key)))
      throw corruptRow(key, 'is not served, as too many rows of its sort are damaged');
  }

  get lastError(): unknown {
    return this.#store.lastError;
  }

  inPlace(): boolean {
    return this.#store.inPlace();
  }

  accept(): Promise<void> {
    return this.#store.accept();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function sealed({ key, value }: Put): Put {
  return { key, value: sealValue(key, value) };
}

function unsealed(key: Uint8Array, value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : unsealValue(key, value);
}

function unsealedAll(
  keys: readonly Uint8Array[],
  values: readonly (Uint8Array | undefined)[],
): readonly (Uint8Array | undefined)[] {
  return keys.map((key, i) => unsealed(key, values[i]));
}

async function unsealedInSlices(
  keys: readonly Uint8Array[],
  values: readonly (Uint8Array | undefined)[],
  slices: Slices,
): Promise<readonly (Uint8Array | undefined)[]> {
  // To take them over from the pool was a copy of all.
  await slices.spent(values.reduce((sum, value) => sum + (value?.length ?? 0), 0));
  const unsealedOnes: (Uint8Array | undefined)[] = [];
  for (const [i, key] of keys.entries()) {
    const value = values[i];
    unsealedOnes.push(value && (await unsealInSlices(key, value, slices)));
  }
  return unsealedOnes;
}
