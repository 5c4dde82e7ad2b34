import { equalBytes } from '../core/bytes.ts';
import type { AuditEvent } from '../core/event/event.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { leafIndex } from '../core/units.ts';
import { BlobFolder } from '../events/blobs.ts';
import { type EventPaths, type InspectedEvents, inspectEventFiles } from '../events/event-files.ts';
import { checkRaw, provenEvent } from '../events/open-event.ts';
import { type MendedSeed, SeedMender } from '../events/seed-mender.ts';
import { systemRandom } from '../runtime/random.ts';
import type { RowReader } from '../scrub/row-reader.ts';
import { BLOB_NAME_BYTES, blobKey, eventIdKey, payloadKey, rawKey } from '../store/event-rows.ts';
import { rowName } from '../store/row-place.ts';
import { encodeIndex } from '../store/rows.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import type { ProvenTree } from './proven-tree.ts';
import { commitOrFail } from './repair-rows.ts';
import { type OfferedCopy, offeredCopies, readCopies, type StoredCopy } from './stored-events.ts';
import { tolerant } from './stored-tree.ts';
import { Counter } from './tally.ts';
import type { TreeSource } from './tree-source.ts';

/** Longest encrypted verbatim bytes that lie in a row: 64 KiB, nonce and tag. */
const RAW_ROW_BYTES_MAX = 64 * 1024 + 28;
/** Seeds and rows, and bytes, of one write. */
const ROWS_AT_A_TIME = 512;
const BYTES_AT_A_TIME = 4 * 1024 * 1024;

export interface MendEventsDeps {
  readonly origin: string;
  readonly rows: RowReader;
  readonly store: Pick<Store, 'commit' | 'lastError'>;
  /** Of `size` leaves; an event without a proven leaf stays as it is. */
  readonly tree: Pick<ProvenTree, 'entries'>;
  readonly size: number;
  /** Folder of the log, and its files of events. */
  readonly folder: string;
  readonly paths: EventPaths;
  readonly sources: readonly TreeSource[];
  readonly signal?: AbortSignal;
}

/**
 * Rows of events as their leaves say: an event that can be read is found by its id again; payloads, verbatim bytes and seeds
 * that are damaged or not there come from a source, each once it opens and is what its leaf commits to.
 * @returns what was written @throws TlogError data_damaged where the files of secrets are not there, commit_unknown
 */
export async function mendEvents(deps: MendEventsDeps): Promise<Counter> {
  await using events = await inspectEventFiles(deps.folder, deps.size);
  await using mend = new EventMend(deps, events);
  await mend.lookAtAll();
  for (const source of deps.sources) await mend.takeFrom(source);
  await mend.finish();
  return mend.repaired;
}

/** An event that its leaf commits to, and the bytes that it came of. */
interface Sound extends StoredCopy {
  readonly event: AuditEvent;
  readonly seed: Uint8Array;
}

class EventMend implements AsyncDisposable {
  readonly repaired: Counter = new Counter();
  readonly #deps: MendEventsDeps;
  readonly #events: InspectedEvents;
  /** Events that have a seed and cannot be read, or lack the record that they describe. */
  readonly #wanted = new Set<number>();
  #seeds: SeedMender | undefined;
  /** To be written together: what is taken from a source, and names of what is written. */
  #batch: { seeds: MendedSeed[]; puts: StoreBatch['puts'][number][]; deletes: Uint8Array[] } = emptyBatch();
  #bytes = 0;

  constructor(deps: MendEventsDeps, events: InspectedEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  /** Reads what is here; ids of events that can be read are made right. */
  async lookAtAll(): Promise<void> {
    const { size, signal } = this.#deps;
    for (let start = 0; start < size; start += TILE_WIDTH) {
      signal?.throwIfAborted();
      await this.#look(start, Math.min(size, start + TILE_WIDTH));
    }
  }

  async #look(start: number, end: number): Promise<void> {
    const { rows, tree } = this.#deps;
    const { seeds, blobs } = this.#events;
    const entries = await tree.entries(start, end);
    const readable = Array.from({ length: end - start }, (_, i) => start + i).filter((i) => seeds.has(i));
    const sound: Sound[] = [];
    for await (const copy of readCopies(rows, blobs, entries === undefined ? [] : readable)) {
      const { index } = copy;
      const found = this.#soundest(entries?.[index - start], [seeds.read(index, index + 1)], [copy]);
      // Only what ids need is kept of it.
      if (found !== undefined) sound.push({ ...found, payload: undefined, raw: undefined });
      if (found === undefined || (found.event.raw !== undefined && found.raw === undefined))
        this.#wanted.add(index);
    }
    await this.#nameIds(sound);
    await this.#write();
  }

  /** Takes what is damaged, or not there, from a source that has it. */
  async takeFrom(source: TreeSource): Promise<void> {
    const { size, rows, tree, signal } = this.#deps;
    const { seeds, blobs } = this.#events;
    for await (const offered of offeredCopies(source)) {
      signal?.throwIfAborted();
      const { index } = offered;
      const own = index < size && seeds.has(index) ? seeds.read(index, index + 1) : undefined;
      if (index >= size || (own !== undefined && !this.#wanted.has(index))) continue;
      const [entry] = (await tree.entries(index, index + 1)) ?? [];
      for await (const stored of readCopies(rows, blobs, [index]))
        await this.#take(entry, own, stored, offered);
    }
    await this.#write();
  }

  async #take(
    entry: Uint8Array | undefined,
    own: Uint8Array | undefined,
    stored: StoredCopy,
    offered: OfferedCopy,
  ): Promise<void> {
    const secrets = [own, offered.seed].filter((seed) => seed !== undefined);
    const found = this.#soundest(entry, secrets, [stored, offered]);
    if (found === undefined) return;
    const { index, seed, payload, raw } = found;
    if (seed !== own && !(await this.#takeSeed({ index, seed }))) return;
    if (payload !== undefined && payload !== stored.payload) this.#put(payloadKey(index), payload);
    if (raw !== undefined && raw !== stored.raw) await this.#putRaw(index, raw);
    await this.#nameIds([found]);
    const { seeds, puts } = this.#batch;
    if (seeds.length + puts.length >= ROWS_AT_A_TIME || this.#bytes >= BYTES_AT_A_TIME) await this.#write();
  }

  /** The first seed and payload that belong to the leaf, with the first record that belongs to them. */
  #soundest(
    entry: Uint8Array | undefined,
    secrets: readonly Uint8Array[],
    copies: readonly StoredCopy[],
  ): Sound | undefined {
    const { origin } = this.#deps;
    for (const seed of entry === undefined ? [] : secrets)
      for (const { index, payload } of copies) {
        const place = { origin, index, seed };
        const event = payload && entry && tolerant(() => provenEvent(place, payload, entry));
        if (event === undefined) continue;
        const raws = copies.map((copy) => copy.raw).filter((raw) => raw !== undefined);
        const raw = raws.find((bytes) => isRight(() => checkRaw(place, bytes, event)));
        return { index, event, seed, payload, raw };
      }
    return undefined;
  }

  /** Each event must be found by its id. */
  async #nameIds(sound: readonly Sound[]): Promise<void> {
    const { ids } = this.#events;
    const keys = sound.map(({ event }) => eventIdKey(ids.keyOf(event.id, event.tenant)));
    const rows = await this.#deps.rows.readMany(keys);
    for (const [i, key] of keys.entries()) {
      const [row, index] = [rows[i], sound[i]?.index];
      if (index === undefined) continue;
      const value = encodeIndex(leafIndex(index));
      if (row === undefined || !('value' in row) || !equalBytes(row.value, value)) this.#put(key, value);
    }
  }

  async #putRaw(index: number, sealed: Uint8Array): Promise<void> {
    const [row, blob] = [rawKey(index), blobKey(index)];
    if (sealed.length <= RAW_ROW_BYTES_MAX) {
      this.#batch.deletes.push(blob);
      return this.#put(row, sealed);
    }
    const name = systemRandom(BLOB_NAME_BYTES);
    await new BlobFolder(this.#deps.paths.raw).write(name, sealed);
    this.#batch.deletes.push(row);
    this.#put(blob, name);
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    this.#batch.puts.push({ key, value });
    this.#bytes += value.length;
    this.repaired.add(rowName(key));
  }

  async #takeSeed(seed: MendedSeed): Promise<boolean> {
    this.#seeds ??= await SeedMender.open(this.#deps.paths.seeds);
    if (!this.#seeds.take(seed.index)) return false;
    this.#batch.seeds.push(seed);
    this.repaired.add(`seed ${seed.index}`);
    return true;
  }

  /** Seeds before the rows that need them. */
  async #write(): Promise<void> {
    const { seeds, puts, deletes } = this.#batch;
    this.#batch = emptyBatch();
    this.#bytes = 0;
    await this.#seeds?.put(seeds);
    if (puts.length > 0) await commitOrFail(this.#deps.store, { puts, deletes });
  }

  /** Seeds that came from a source count from now on. */
  async finish(): Promise<void> {
    await this.#seeds?.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#seeds?.close();
  }
}

function emptyBatch(): { seeds: MendedSeed[]; puts: StoreBatch['puts'][number][]; deletes: Uint8Array[] } {
  return { seeds: [], puts: [], deletes: [] };
}

function isRight(check: () => void): boolean {
  return (
    tolerant(() => {
      check();
      return true;
    }) ?? false
  );
}
