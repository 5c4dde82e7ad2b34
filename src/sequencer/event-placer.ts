import { equalBytes } from '../core/bytes.ts';
import type { EventHasher } from '../core/event/commitment.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import type { Blobs } from '../events/blobs.ts';
import { sameMac } from '../events/event-keys.ts';
import type { NewEvent, SealedEvent } from '../events/seal-event.ts';
import type { Sealer } from '../events/sealer.ts';
import type { Seeds } from '../events/seeds.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type SliceBounds, Slices } from '../runtime/slices.ts';
import { corruptRow, decodedRow } from '../store/corrupt-row.ts';
import {
  BLOB_NAME_BYTES,
  blobKey,
  decodeIndexes,
  decodePayload,
  encodeIndexes,
  encodePayload,
  eventIdKey,
  eventRetryKey,
  payloadKey,
  rawKey,
} from '../store/event-rows.ts';
import { decodeIndex, encodeIndex } from '../store/rows.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import type { Placer } from './entry-placer.ts';
import type { EventRequest } from './log.ts';
import type { PendingRequest } from './pending-queue.ts';
import { mapKey, type NewLeaf, type Placement } from './place-entries.ts';
import { type Earlier, type EventPlacement, type KnownEvents, placeEvents } from './place-events.ts';

type Put = StoreBatch['puts'][number];

/** Verbatim bytes up to this length lie in the database, longer ones in a file. */
const RAW_ROW_BYTES_MAX = 64 * 1024;
/** Texts that are compared with those of known events in one turn, and bytes of them: about five milliseconds. */
const COMPARED: SliceBounds = { bytes: 1024 * 1024, steps: 1_024 };

/** Rows of known events, of up to 64 KiB, that are in memory at once. */
const ROWS_AT_A_TIME = 64;

/** What events are placed with. */
export interface EventPlacerDeps {
  readonly sealer: Sealer;
  readonly hasher: EventHasher;
  readonly random: Random;
  readonly store: Pick<Store, 'getMany'>;
  readonly seeds: Seeds;
  readonly blobs: Blobs;
  readonly clock: Pick<Clock, 'nextTurn'>;
}

/**
 * Places audit events, after looking up which ids were there before, and makes their leaves: what a leaf commits to
 * depends on its index. Seeds and large verbatim bytes are durable when it is done, before any row that needs them.
 */
export class EventPlacer implements Placer {
  readonly #deps: EventPlacerDeps;
  /** Received time of the last leaf. */
  #receivedMs: number;

  constructor(deps: EventPlacerDeps, receivedMs: number) {
    this.#deps = deps;
    this.#receivedMs = receivedMs;
  }

  async place(size: number, pending: readonly PendingRequest[], nowMs: number): Promise<Placement> {
    const requests = pending.map(({ request }) => request).filter((request) => 'events' in request);
    if (requests.length < pending.length) throw new TypeError('entries in a log of events');
    const placed = placeEvents(size, requests, await this.#lookUp(requests));
    this.#receivedMs = Math.max(nowMs, this.#receivedMs);
    return this.#seal(size, placed);
  }

  async #seal(size: number, { places, fresh, retries }: EventPlacement): Promise<Placement> {
    const { sealer, seeds } = this.#deps;
    const rows = retries.map(({ key, indexes }) => ({
      key: eventRetryKey(key),
      value: encodeIndexes(indexes),
    }));
    const leaves: NewLeaf[] = [];
    if (fresh.length === 0) return { places, leaves, retries: [], rows };
    const end = size + fresh.length;
    await seeds.ensure(end);
    const sealed = await sealer.seal(
      fresh.map(({ event }) => event),
      { start: size, receivedMs: this.#receivedMs, seeds: seeds.read(size, end) },
    );
    for (const [i, { index, event }] of fresh.entries()) {
      const { entry, leafHash, ...stored } = sealed[i] as SealedEvent;
      // No other leaf has this hash: its seed is of 32 random bytes.
      leaves.push({ index, entry, leafHash, indexed: true });
      rows.push(...rowsOf(index, event, stored));
      if (stored.raw !== undefined) rows.push(await this.#rawRow(index, stored.raw));
    }
    return { places, leaves, retries: [], rows };
  }

  async #rawRow(index: LeafIndex, raw: Uint8Array): Promise<Put> {
    if (raw.length <= RAW_ROW_BYTES_MAX) return { key: rawKey(index), value: raw };
    const name = this.#deps.random(BLOB_NAME_BYTES);
    await this.#deps.blobs.write(name, raw);
    return { key: blobKey(index), value: name };
  }

  async #lookUp(requests: readonly EventRequest[]): Promise<KnownEvents> {
    const ids = requests
      .flatMap(({ events }) => events)
      .filter(({ hasId }) => hasId)
      .map(({ idKey }) => idKey);
    const keys = requests.map(({ retryKey }) => retryKey).filter((key) => key !== undefined);
    const idRows = await this.#rows(ids, eventIdKey, decodeIndex);
    const retryRows = await this.#rows(keys, eventRetryKey, decodeIndexes);
    const isNothingKnown = idRows.length + retryRows.length === 0;
    if (isNothingKnown) return { ids: new Map(), retries: new Map() };
    const earlier = { ids: new Map(idRows), retries: new Map(retryRows) };
    const same = await this.#compared(requests, earlier);
    return knownFrom(earlier, same);
  }

  /** What the rows say that there are, by the name of what they were looked up with. */
  async #rows<T>(
    wanted: readonly Uint8Array[],
    keyOf: (hash: Uint8Array) => Uint8Array,
    decode: (row: Uint8Array) => T,
  ): Promise<(readonly [string, T])[]> {
    if (wanted.length === 0) return [];
    const keys = wanted.map(keyOf);
    const rows = await this.#deps.store.getMany(keys);
    return wanted.flatMap((hash, i) => {
      const [row, key = hash] = [rows[i], keys[i]];
      return row === undefined ? [] : [[mapKey(hash), decodedRow(key, row, decode)] as const];
    });
  }

  /**
   * Which of the texts that were sent are those that a leaf has. What was sent earlier is not kept: it is known by a digest that
   * nobody makes without the event's seed. In slices, since placing all of a commit takes one turn.
   */
  async #compared(
    requests: readonly EventRequest[],
    earlier: EarlierIndexes,
  ): Promise<ReadonlyMap<Uint8Array, LeafIndex>> {
    const { seeds, hasher, clock } = this.#deps;
    const repeats = repeatsIn(requests, earlier);
    const macs = await this.#macs(new Set(repeats.map(({ index }) => index)));
    const same = new Map<Uint8Array, LeafIndex>();
    const slices = new Slices(COMPARED, () => clock.nextTurn());
    for (const { sent, index } of repeats) {
      const mac = macs.get(index);
      // Of events that were restored without seeds nothing can be compared: they answer for whatever has their id.
      if (mac === undefined || equalBytes(mac, sameMac(hasher, seeds.read(index, index + 1), sent)))
        same.set(sent, index);
      await slices.spent(sent.length);
    }
    return same;
  }

  /** The digests by which what was sent is known, of those leaves whose seeds are here. */
  async #macs(indexes: ReadonlySet<LeafIndex>): Promise<ReadonlyMap<LeafIndex, Uint8Array>> {
    const { store, seeds } = this.#deps;
    const readable = [...indexes].filter((index) => seeds.has(index));
    const macs = new Map<LeafIndex, Uint8Array>();
    for (let at = 0; at < readable.length; at += ROWS_AT_A_TIME) {
      const part = readable.slice(at, at + ROWS_AT_A_TIME);
      const rows = await store.getMany(part.map(payloadKey), { inPool: part.length > 1 });
      for (const [i, index] of part.entries()) macs.set(index, macIn(index, rows[i]));
    }
    return macs;
  }
}

/** A copy: a view would keep the row with it. @throws TlogError storage_corrupt */
function macIn(index: LeafIndex, row: Uint8Array | undefined): Uint8Array {
  const key = payloadKey(index);
  if (row === undefined) throw corruptRow(key, 'is missing');
  return decodedRow(key, row, (bytes) => decodePayload(bytes).sameMac.slice());
}

/** What was sent before, it seems, and which leaf it would be. A key that stands for another number of events is another request. */
function repeatsIn(
  requests: readonly EventRequest[],
  { ids, retries }: EarlierIndexes,
): readonly { readonly sent: Uint8Array; readonly index: LeafIndex }[] {
  return requests.flatMap(({ events, retryKey }) => {
    const retried = retryKey && retries.get(mapKey(retryKey));
    if (retried !== undefined && retried.length !== events.length) return [];
    return events.flatMap(({ idKey, sent }, i) => {
      const index = retried === undefined ? ids.get(mapKey(idKey)) : retried[i];
      return index === undefined ? [] : [{ sent, index }];
    });
  });
}

/** Where ids and retry keys of requests were put before, by their names. */
interface EarlierIndexes {
  readonly ids: ReadonlyMap<string, LeafIndex>;
  readonly retries: ReadonlyMap<string, readonly LeafIndex[]>;
}

function knownFrom({ ids, retries }: EarlierIndexes, same: ReadonlyMap<Uint8Array, LeafIndex>): KnownEvents {
  const earlier = <Where>(at: Where, all: readonly LeafIndex[]): Earlier<Where> => ({
    at,
    isSame: (sent) => sent.length === all.length && sent.every((one, i) => same.get(one) === all[i]),
  });
  return {
    ids: new Map([...ids].map(([name, index]) => [name, earlier(leafIndex(index), [index])])),
    retries: new Map([...retries].map(([name, at]) => [name, earlier(at, at)])),
  };
}

function rowsOf(
  index: LeafIndex,
  { idKey }: NewEvent,
  { sameMac, payload }: Pick<SealedEvent, 'sameMac' | 'payload'>,
): readonly Put[] {
  return [
    { key: payloadKey(index), value: encodePayload({ sameMac, sealed: payload }) },
    { key: eventIdKey(idKey), value: encodeIndex(index) },
  ];
}
