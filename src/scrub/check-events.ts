import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import type { AuditEvent } from '../core/event/event.ts';
import { decodeLeaf } from '../core/event/leaf.ts';
import { leafIndex } from '../core/units.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import { EventReader } from '../sequencer/event-reader.ts';
import { type Damage, damageOf } from '../sequencer/finding.ts';
import type { StoredEvent } from '../sequencer/log.ts';
import { COMMIT_ENTRIES_MAX } from '../sequencer/pending-queue.ts';
import type { StoredEvents, StoredLog } from '../sequencer/stored-log.ts';
import { corruptRow } from '../store/corrupt-row.ts';
import { blobKey, eventIdKey, payloadKey, rawKey } from '../store/event-rows.ts';
import { rowName } from '../store/row-place.ts';
import { decodeIndex } from '../store/rows.ts';
import type { CheckDeps } from './check-bundle.ts';
import type { PageRow, ReadRow } from './row-reader.ts';
import { entriesOf } from './tree-entries.ts';

/** Events whose rows are held at a time: a payload and verbatim bytes of at most 64 KiB each. */
const EVENTS_AT_A_TIME = 32;
/** Hashes that opening an event and making its commitment comes to. */
const EVENT_HASHES = 32;

const NOTHING = new Uint8Array(0);

/** What a look at the events of a bundle came to. */
export interface CheckedEvents {
  readonly damages: readonly Damage[];
  /** Rows that were read. */
  readonly rows: number;
  /** Events without a secret: their rows are passed over. */
  readonly unavailable: number;
}

/** Rows of events against the leaves that commit to them, through the reader that gives events out (spec EVENT-19). */
export class EventCheck {
  readonly #deps: CheckDeps;
  readonly #log: StoredLog;
  readonly #events: StoredEvents;
  /** The leaf before the ones that are checked next, where it was the last to be checked. */
  #before: { readonly index: number; readonly receivedMs: number } | undefined;

  constructor(deps: CheckDeps, log: StoredLog, events: StoredEvents) {
    this.#deps = deps;
    this.#log = log;
    this.#events = events;
  }

  /** Leaves [start, end) of one bundle. Where their entries are damaged, that is found in its turn. */
  async check(start: number, end: number): Promise<CheckedEvents> {
    const entries = await entriesOf(this.#deps, this.#log, start, end);
    if (entries === undefined) return { damages: [], rows: 0, unavailable: 0 };
    const damages = [...(await this.#receivedTimes(start, entries))];
    let rows = 0;
    let unavailable = 0;
    for (let at = start; at < end; at += EVENTS_AT_A_TIME) {
      const all = numbered(at, Math.min(end, at + EVENTS_AT_A_TIME));
      const open = all.filter((index) => this.#events.seeds.has(index));
      // What is no event has no rows to compare.
      const indexes = open.filter((index) => receivedOf(entries[index - start] ?? NOTHING) !== undefined);
      unavailable += all.length - open.length;
      const stored = await this.#rowsOf(indexes);
      damages.push(...(await this.#checkRows(indexes, stored, (index) => entries[index - start])));
      rows += stored.size;
    }
    return { damages, rows, unavailable };
  }

  /** Rows of ids: each must name the event with that id. Beyond the tree that readers see there may be a commit under way. */
  async checkIds(page: readonly PageRow[]): Promise<readonly Damage[]> {
    const damages: Damage[] = [];
    for (let at = 0; at < page.length; at += EVENTS_AT_A_TIME)
      damages.push(...(await this.#checkIdRows(page.slice(at, at + EVENTS_AT_A_TIME))));
    return damages;
  }

  /** What is signed stays as it is, so it is no row's damage. */
  async #receivedTimes(start: number, entries: readonly Uint8Array[]): Promise<readonly Damage[]> {
    const damages: Damage[] = [];
    let before = await this.#receivedBefore(start);
    for (const [i, entry] of entries.entries()) {
      const index = start + i;
      const receivedMs = receivedOf(entry);
      if (receivedMs === undefined) damages.push({ entry: index, message: `entry ${index} is not an event` });
      else if (receivedMs < before)
        damages.push({ entry: index, message: `event ${index} was received before the one before it` });
      before = Math.max(before, receivedMs ?? 0);
    }
    this.#before = { index: start + entries.length - 1, receivedMs: before };
    return damages;
  }

  async #receivedBefore(start: number): Promise<number> {
    if (start === 0) return 0;
    if (this.#before?.index === start - 1) return this.#before.receivedMs;
    const [entry] = (await entriesOf(this.#deps, this.#log, start - 1, start)) ?? [];
    return (entry === undefined ? undefined : receivedOf(entry)) ?? 0;
  }

  async #checkRows(
    indexes: readonly number[],
    stored: ReadonlyMap<string, ReadRow>,
    entryOf: (index: number) => Uint8Array | undefined,
  ): Promise<readonly Damage[]> {
    const reader = this.#reader(stored, entryOf);
    const damages: Damage[] = [];
    const sound: StoredEvent[] = [];
    for (const index of indexes) {
      const event = await damageIn(payloadKey(index), () => reader.read(leafIndex(index)));
      if ('damage' in event) damages.push(event.damage);
      else {
        sound.push(event.found);
        const raw = await damageIn(blobKey(index), () => reader.rawOf(event.found));
        if ('damage' in raw) damages.push(raw.damage);
        else await this.#deps.slices.spent(raw.found?.length ?? 0);
      }
      await this.#deps.slices.spent(0, EVENT_HASHES);
    }
    return [...damages, ...(await this.#idsOf(sound))];
  }

  /** Each event must be found by its id. */
  async #idsOf(sound: readonly StoredEvent[]): Promise<readonly Damage[]> {
    const { ids } = this.#events;
    const keys = sound.map(({ event }) => eventIdKey(ids.keyOf(event.id, event.tenant)));
    const rows = await this.#deps.rows.readMany(keys);
    return keys.flatMap((row, i) => {
      const { index } = sound[i] ?? {};
      const value = rows[i];
      // A row that is there is compared with the event that it names in its turn; here it must not be another one.
      if (value !== undefined && ('damage' in value || namedBy(value.value) === index)) return [];
      const what = value === undefined ? 'is missing' : `names another event than ${index}`;
      return [{ row, message: `${rowName(row)} of event ${index} ${what}` }];
    });
  }

  async #checkIdRows(page: readonly PageRow[]): Promise<readonly Damage[]> {
    const { state } = this.#log.tree();
    const named = page.map((row) => ('value' in row ? namedBy(row.value) : undefined));
    const readable = named
      .filter((at) => at !== undefined)
      .filter((at) => at < state.size && this.#events.seeds.has(at));
    const payloads = await this.#rows(readable.map(payloadKey));
    const damages: Damage[] = [];
    for (const [i, row] of page.entries()) {
      const index = named[i];
      if ('damage' in row) damages.push(row.damage);
      else if (index === undefined || index >= state.size + COMMIT_ENTRIES_MAX)
        damages.push({ row: row.key, message: `${rowName(row.key)} names an event that is not there` });
      else if (readable.includes(index) && !(await this.#isOfId(payloads, index, row.key)))
        damages.push({
          row: row.key,
          message: `${rowName(row.key)} names event ${index}, which has another id`,
        });
      await this.#deps.slices.spent(0, 2);
    }
    return damages;
  }

  /** Where the payload does not open, or is not of its leaf, that was found in its turn: the id may be right. */
  async #isOfId(payloads: ReadonlyMap<string, ReadRow>, index: number, key: Uint8Array): Promise<boolean> {
    let entry: Uint8Array | undefined;
    const reader = this.#reader(payloads, () => entry);
    const opened = await damageIn(payloadKey(index), () => reader.open(leafIndex(index)));
    if ('damage' in opened || Buffer.compare(this.#idKeyOf(opened.found), key) === 0) return true;
    [entry] = (await entriesOf(this.#deps, this.#log, index, index + 1)) ?? [];
    if (entry === undefined || receivedOf(entry) === undefined) return true;
    return 'damage' in (await damageIn(payloadKey(index), () => reader.read(leafIndex(index))));
  }

  #idKeyOf({ id, tenant }: AuditEvent): Uint8Array {
    return eventIdKey(this.#events.ids.keyOf(id, tenant));
  }

  #rowsOf(indexes: readonly number[]): Promise<ReadonlyMap<string, ReadRow>> {
    return this.#rows(indexes.flatMap((index) => [payloadKey(index), rawKey(index), blobKey(index)]));
  }

  async #rows(keys: readonly Uint8Array[]): Promise<ReadonlyMap<string, ReadRow>> {
    const rows = await this.#deps.rows.readMany(keys);
    const found = new Map<string, ReadRow>();
    for (const [i, key] of keys.entries()) {
      const row = rows[i];
      if (row !== undefined) found.set(formatHex(key), row);
    }
    return found;
  }

  /** Over rows that were read from the disk just now. */
  #reader(
    rows: ReadonlyMap<string, ReadRow>,
    entryOf: (index: number) => Uint8Array | undefined,
  ): EventReader {
    const { seeds, blobs, ids } = this.#events;
    return new EventReader({
      ...{ origin: this.#log.origin, hasher: nodeEventHasher, seeds, ids },
      blobs,
      store: { get: (key) => rowValue(key, rows.get(formatHex(key))) },
      reader: { readEntries: async (index) => [entryOf(index) ?? NOTHING] },
      size: () => this.#log.tree().state.size,
    });
  }
}

function numbered(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

function rowValue(key: Uint8Array, row: ReadRow | undefined): Uint8Array | undefined {
  if (row === undefined || 'value' in row) return row?.value;
  throw corruptRow(key, 'fails its check');
}

/** When the event of an entry was received; undefined when it is none. */
function receivedOf(entry: Uint8Array): number | undefined {
  try {
    return decodeLeaf(entry).receivedMs;
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** The index in the row of an id; undefined where it is not in its form. */
function namedBy(value: Uint8Array): number | undefined {
  try {
    return decodeIndex(value);
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** What is read, or the damage that it is: of a row that the error names, else of `row`. */
async function damageIn<T>(
  row: Uint8Array,
  read: () => Promise<T>,
): Promise<{ readonly found: T } | { readonly damage: Damage }> {
  try {
    return { found: await read() };
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return { damage: { row, ...damage } };
  }
}
