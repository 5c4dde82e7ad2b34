import type { PayloadCopy } from '../backup/event-copies.ts';
import { type KnownEventRow, lastLeaf } from '../backup/event-rows.ts';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import type { Blobs } from '../events/blobs.ts';
import type { SeedRun } from '../events/seed-file.ts';
import type { ReadRow, RowReader } from '../scrub/row-reader.ts';
import { blobKey, eventIndexOf, payloadKey, rawKey } from '../store/event-rows.ts';
import { LETTER } from '../store/rows.ts';
import { tolerant } from './stored-tree.ts';
import type { TreeSource } from './tree-source.ts';

/** Events whose rows are in memory at a time: each may have 64 KiB of verbatim bytes, and a file of 5 MiB. */
const EVENTS_AT_A_TIME = 16;

/** What there is of an event, encrypted, where it can be read; right or not. */
export interface StoredCopy {
  readonly index: number;
  /** Value of the payload row. */
  readonly payload: Uint8Array | undefined;
  /** Verbatim bytes, from a row or a file. */
  readonly raw: Uint8Array | undefined;
}

/** A copy from elsewhere, with the seed that came with it. */
export interface OfferedCopy extends StoredCopy {
  readonly seed: Uint8Array | undefined;
}

/** Reads the rows of events from a database in which some may be damaged. */
export async function* readCopies(
  rows: RowReader,
  blobs: Pick<Blobs, 'read'>,
  indexes: readonly number[],
): AsyncGenerator<StoredCopy> {
  for (let at = 0; at < indexes.length; at += EVENTS_AT_A_TIME) {
    const some = indexes.slice(at, at + EVENTS_AT_A_TIME);
    const keys = some.flatMap((index) => [payloadKey(index), rawKey(index), blobKey(index)]);
    const found = (await rows.readMany(keys)).map(rowValue);
    for (const [i, index] of some.entries()) {
      const [payload, row, name] = found.slice(3 * i, 3 * i + 3);
      const raw = name === undefined ? row : await fileOf(blobs, name);
      yield { index, payload, raw };
    }
  }
}

/** Every event of a database of which the payload can be read. */
export async function* allCopies(rows: RowReader, blobs: Pick<Blobs, 'read'>): AsyncGenerator<PayloadCopy> {
  for await (const page of rows.pages(LETTER.payload)) {
    const indexes = page.filter((row) => 'value' in row).map(({ key }) => eventIndexOf(key));
    for await (const { index, payload, raw } of readCopies(rows, blobs, indexes))
      if (payload !== undefined) yield { index, payload, ...(raw === undefined ? {} : { raw }) };
  }
}

/** Every retry key of a database that can be read. */
export async function* allRetries(rows: RowReader): AsyncGenerator<KnownEventRow> {
  for await (const page of rows.pages(LETTER.eventRetry))
    for (const row of page) {
      const last = 'value' in row ? tolerant(() => lastLeaf(row.key, row.value)) : undefined;
      if (last !== undefined && 'value' in row) yield { key: row.key, value: row.value, last };
    }
}

/** What a source has of events, by index, each with its seed where that is there too. */
export async function* offeredCopies(source: TreeSource): AsyncGenerator<OfferedCopy> {
  const seeds = new SeedWalk(source.seeds?.() ?? nothing());
  for await (const { index, payload, raw, file } of source.payloads?.() ?? nothing())
    yield { index, payload, raw: raw ?? file, seed: await seeds.of(index) };
}

/** Seeds in runs, asked for in ascending order. */
class SeedWalk {
  readonly #runs: AsyncIterator<SeedRun>;
  #run: SeedRun | undefined;

  constructor(runs: AsyncIterable<SeedRun>) {
    this.#runs = runs[Symbol.asyncIterator]();
  }

  async of(index: number): Promise<Uint8Array | undefined> {
    while (this.#run === undefined || endOf(this.#run) <= index) {
      const { value, done } = await this.#runs.next();
      if (done === true) return undefined;
      this.#run = value;
    }
    const { start, seeds } = this.#run;
    if (index < start) return undefined;
    return seeds.slice((index - start) * SEED_BYTES, (index - start + 1) * SEED_BYTES);
  }
}

function endOf({ start, seeds }: SeedRun): number {
  return start + seeds.length / SEED_BYTES;
}

async function* nothing(): AsyncGenerator<never> {}

function rowValue(row: ReadRow | undefined): Uint8Array | undefined {
  return row !== undefined && 'value' in row ? row.value : undefined;
}

async function fileOf(blobs: Pick<Blobs, 'read'>, name: Uint8Array): Promise<Uint8Array | undefined> {
  return blobs.read(name).catch((error: unknown) => {
    if (error instanceof TlogError) return undefined;
    throw error;
  });
}
