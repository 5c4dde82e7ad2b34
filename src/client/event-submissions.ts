import { concatBytes } from '../core/bytes.ts';
import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import type { LeafIndex } from '../core/units.ts';
import { BATCH_ENTRIES_MAX, type BatchAnswer, readBatch } from './answers.ts';
import type { LogCalls } from './log-calls.ts';

/** 4,096 ids of 200 characters, and a note of at most 1 MB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const LINE_FEED = utf8Encode('\n');

export interface EventOptions {
  /** Stands for this content, for ever: 1 to 255 visible ASCII characters. Needed where an event has no id. */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends 1 to 4,096 events, each the JSON of one, to a log of events: all get indexes or none. Tries are repeated, which adds
 * nothing twice when each event has an id, or the call a key. Nothing of the answer is verified.
 * @throws TlogError empty_batch, batch_too_large before anything is sent; as LogCalls.ask
 */
async function postEvents(
  calls: LogCalls,
  events: readonly string[],
  { idempotencyKey, signal }: EventOptions,
): Promise<BatchAnswer> {
  if (events.length === 0) throw new TlogError('empty_batch', 'there is no event to append');
  if (events.length > BATCH_ENTRIES_MAX)
    throw new TlogError('batch_too_large', `${events.length} events; ${BATCH_ENTRIES_MAX} is the most`);
  const key = idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
  const { fields } = await calls.askFields({
    path: 'events',
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson', ...key },
    body: concatBytes(...events.flatMap((event) => [utf8Encode(event), LINE_FEED])),
    bytesMax: ANSWER_BYTES_MAX,
    signal,
  });
  const answer = readBatch(fields);
  if (answer.indexes.length !== events.length || answer.isNew.length !== events.length)
    throw new TlogError(
      'malformed_answer',
      `${events.length} events were answered with ${answer.indexes.length} indexes`,
    );
  return answer;
}

/** What came of events that were sent one by one where need be. */
export interface SentEvents<E> {
  /** In their order. */
  readonly taken: readonly { readonly event: E; readonly index: LeafIndex; readonly isNew: boolean }[];
  readonly refused: readonly { readonly event: E; readonly error: TlogError }[];
}

/**
 * Sends events as postEvents does, and halves what is refused until it is known which event is wrong: all others are appended. The
 * halves have keys of their own, so that they are known again when the same is done again. @throws as postEvents, unless it is an
 * event that is wrong
 */
export async function postRightEvents<E extends { readonly json: string }>(
  calls: LogCalls,
  events: readonly E[],
  options: EventOptions,
): Promise<SentEvents<E>> {
  try {
    const json = events.map((event) => event.json);
    const { indexes, isNew } = await postEvents(calls, json, options);
    return { taken: takenOf(events, indexes, isNew), refused: [] };
  } catch (error) {
    if (!isEventRefused(error)) throw error;
    const [only, ...more] = events;
    if (only !== undefined && more.length === 0) return { taken: [], refused: [{ event: only, error }] };
  }
  const half = Math.ceil(events.length / 2);
  const first = await postRightEvents(calls, events.slice(0, half), halfOf(options, 0));
  const second = await postRightEvents(calls, events.slice(half), halfOf(options, 1));
  return { taken: [...first.taken, ...second.taken], refused: [...first.refused, ...second.refused] };
}

function takenOf<E>(
  events: readonly E[],
  indexes: readonly LeafIndex[],
  isNew: readonly boolean[],
): SentEvents<E>['taken'] {
  return events.flatMap((event, i) => {
    const index = indexes[i];
    return index === undefined ? [] : [{ event, index, isNew: isNew[i] === true }];
  });
}

function halfOf({ idempotencyKey: key, signal }: EventOptions, half: number): EventOptions {
  return { idempotencyKey: key === undefined ? undefined : `${key}.${half}`, signal };
}

/** Codes that say that an event is wrong and will stay so, rather than that a log cannot take any now. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...['invalid_event', 'invalid_json', 'event_too_large', 'raw_too_large', 'raw_mismatch', 'id_conflict'],
  ...['batch_too_large', 'body_too_large'],
]);

function isEventRefused(error: unknown): error is TlogError {
  return error instanceof TlogError && REFUSALS.has(error.code);
}
