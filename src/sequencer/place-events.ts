import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import type { NewEvent } from '../events/seal-event.ts';
import type { EventRequest } from './log.ts';
import { mapKey, type Place } from './place-entries.ts';

/** Where something was put before, and whether that was the same content. */
export interface Earlier<Where> {
  readonly at: Where;
  /** @param sent canonical texts */
  isSame(sent: readonly Uint8Array[]): boolean;
}

/** What the store knew of the ids and retry keys of a batch. Keyed by `mapKey`. */
export interface KnownEvents {
  readonly ids: ReadonlyMap<string, Earlier<LeafIndex>>;
  readonly retries: ReadonlyMap<string, Earlier<readonly LeafIndex[]>>;
}

/** The places of all requests of a batch, and what is new. */
export interface EventPlacement {
  readonly places: readonly Place[];
  readonly fresh: readonly { readonly index: LeafIndex; readonly event: NewEvent }[];
  readonly retries: readonly { readonly key: Uint8Array; readonly indexes: readonly LeafIndex[] }[];
}

/**
 * Gives each event its index, in order of arrival. Pure: a repeat inside the batch is found in what the batch placed so
 * far, a repeat of older events in `known`. A request is placed as a whole or refused as a whole.
 */
export function placeEvents(
  size: number,
  requests: readonly EventRequest[],
  known: KnownEvents,
): EventPlacement {
  const ids = new Map(known.ids);
  const retries = new Map(known.retries);
  const fresh: { index: LeafIndex; event: NewEvent }[] = [];
  const newRetries: { key: Uint8Array; indexes: readonly LeafIndex[] }[] = [];

  const placeNew = ({ events, retryKey }: EventRequest): Place => {
    const own = new Map<string, Earlier<LeafIndex>>();
    const added: typeof fresh = [];
    const indexes: LeafIndex[] = [];
    const isNew: boolean[] = [];
    for (const [position, event] of events.entries()) {
      const name = mapKey(event.idKey);
      const earlier = own.get(name) ?? ids.get(name);
      if (earlier !== undefined && !earlier.isSame([event.sent]))
        return { refused: conflict(event, earlier.at, position) };
      const index = earlier?.at ?? leafIndex(size + fresh.length + added.length);
      if (earlier === undefined) {
        added.push({ index, event });
        own.set(name, sentAs(index, [event.sent]));
      }
      indexes.push(index);
      isNew.push(earlier === undefined);
    }
    fresh.push(...added);
    for (const [name, earlier] of own) ids.set(name, earlier);
    if (retryKey !== undefined) {
      retries.set(mapKey(retryKey), sentAs(indexes, sentBy(events)));
      newRetries.push({ key: retryKey, indexes });
    }
    return { indexes, isNew };
  };

  const placeOne = (request: EventRequest): Place => {
    const { retryKey, events } = request;
    const earlier = retryKey === undefined ? undefined : retries.get(mapKey(retryKey));
    if (earlier === undefined) return placeNew(request);
    return earlier.isSame(sentBy(events))
      ? { indexes: earlier.at, isNew: earlier.at.map(() => false) }
      : { refused: keyReused() };
  };

  return { places: requests.map(placeOne), fresh, retries: newRetries };
}

function sentBy(events: readonly NewEvent[]): Uint8Array[] {
  return events.map(({ sent }) => sent);
}

function sentAs<Where>(at: Where, first: readonly Uint8Array[]): Earlier<Where> {
  const isSame = (sent: readonly Uint8Array[]): boolean =>
    sent.length === first.length && sent.every((text, i) => equalBytes(text, first[i] as Uint8Array));
  return { at, isSame };
}

function conflict({ event }: NewEvent, index: LeafIndex, position: number): TlogError {
  const message = `the id ${event.id} is that of another event, leaf ${index}; nothing was added`;
  return new TlogError('id_conflict', message, { details: { id: event.id, index, position } });
}

function keyReused(): TlogError {
  const message = 'this Idempotency-Key was used for other content; use a new key for new content';
  return new TlogError('idempotency_key_reused', message);
}
