import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import type { LeafIndex } from '../core/units.ts';
import type { NewEvent } from '../events/seal-event.ts';
import { systemClock } from '../runtime/clock.ts';
import type { AppendResult, EventLog, EventRequest, Log } from '../sequencer/log.ts';
import { accepts } from './answer.ts';
import { type AppendCall, checkIdentity, mediaType } from './append.ts';
import { BATCH_BYTES_MAX } from './batch.ts';
import { announcedBytes, type BodyLimit, readBody } from './body.ts';
import type { BodyMemory } from './body-memory.ts';
import { atPosition, type BodyForm, type EventBody } from './event-bodies.ts';
import type { EventReading } from './event-reading.ts';
import { CBOR, fieldsAnswer, varyingJson } from './fields.ts';
import { headerOf } from './headers.ts';
import { retryKeyOf } from './idempotency.ts';
import { headText, inclusionText } from './proof-text.ts';
import { acknowledged, askedAck, type Outcome } from './witnessed.ts';

/** One event with the largest record, or a batch. */
const BODY: BodyLimit = { bytesMax: BATCH_BYTES_MAX, code: 'batch_too_large' };

/** The events of a log that takes them. @throws TlogError wrong_log_kind */
export function eventsOf(log: Log): EventLog {
  if (log.events !== undefined) return log.events;
  throw new TlogError('wrong_log_kind', 'this log takes opaque entries, not events');
}

/** POST events: answers once the events are under a signed head, all of them or none. */
export async function appendEvents(
  c: Context,
  log: Log,
  reading: EventReading,
  call: Omit<AppendCall, 'isAdd'>,
): Promise<Response> {
  const events = eventsOf(log);
  checkIdentity(c);
  const isLines = isNdjson(c);
  const waited = askedAck(c, call.witnessing);
  // A client is told at once, and what it sends after that is not kept.
  log.admit(announcedBytes(c, BODY));
  const body = await readBody(c, BODY, call.bodies);
  const {
    form,
    events: sent,
    described,
  } = await holding(call.bodies, body, () => reading(body, isLines, events));
  const request = requestOf(c, call.tokenId, sent);
  const result = await call.gate.pass(() => appended(events, form, request));
  call.onAppended(result.isNew.includes(true) ? 'new' : 'repeated');
  const facts = {
    ids: await idsOf(events, sent, result),
    rawMissing: await withoutRaw(events, { sent, described }, result),
  };
  return acknowledged(waited, result, (proven, outcome) =>
    form === 'one'
      ? oneAnswer(c, log, proven, { ...facts, ...outcome })
      : batchAnswer(c, proven, { ...facts, ...outcome }),
  );
}

/** While it is being read more may come: until that is done a body counts with those that are on their way. */
async function holding(
  bodies: BodyMemory,
  { length }: Uint8Array,
  read: () => Promise<EventBody>,
): Promise<EventBody> {
  const held = bodies.hold(length);
  try {
    return await read();
  } finally {
    bodies.release(held);
  }
}

function isNdjson(c: Context): boolean {
  const type = mediaType(headerOf(c, 'content-type') ?? '');
  if (type === 'application/x-ndjson') return true;
  if (type === 'application/json') return false;
  throw new TlogError('unsupported_media_type', 'send application/json or application/x-ndjson');
}

async function appended(events: EventLog, form: BodyForm, request: EventRequest): Promise<AppendResult> {
  try {
    return await events.append(request);
  } catch (error) {
    throw atPosition(error, form);
  }
}

function requestOf(c: Context, tokenId: string, events: readonly NewEvent[]): EventRequest {
  const retryKey = retryKeyOf(c, tokenId);
  return retryKey === undefined ? { events } : { events, retryKey };
}

/** First ids that are read without giving way: about ten milliseconds. */
const READ_AT_A_TIME = 128;

/** Repeats of which the log is asked for verbatim bytes without giving way: the same. */
const ASKED_AT_A_TIME = 1_024;

/** A retry of an event that came without an id is answered with the id that the first one got; null where that cannot be read. */
async function idsOf(
  events: EventLog,
  sent: readonly NewEvent[],
  { indexes, isNew }: AppendResult,
): Promise<readonly (string | null)[]> {
  const ids: (string | null)[] = sent.map(({ event }) => event.id);
  let read = 0;
  for (const [i, index] of indexes.entries()) {
    if (sent[i]?.hasId !== false || isNew[i] === true) continue;
    ids[i] = await firstId(events, index);
    read += 1;
    if (read % READ_AT_A_TIME === 0) await systemClock.nextTurn();
  }
  return ids;
}

async function firstId(events: EventLog, index: LeafIndex): Promise<string | null> {
  try {
    return (await events.read(index)).event.id;
  } catch (error) {
    if (error instanceof TlogError && error.code === 'payload_unavailable') return null;
    throw error;
  }
}

/** What an answer says beside the indexes: positions of events that describe a record whose bytes are not kept. */
interface EventFacts extends Outcome {
  readonly ids: readonly (string | null)[];
  readonly rawMissing: readonly number[];
}

/** Of a repeat it counts what the first one came with: it has answered for it. */
async function withoutRaw(
  events: EventLog,
  { sent, described }: { readonly sent: readonly NewEvent[]; readonly described: readonly number[] },
  { indexes, isNew }: AppendResult,
): Promise<readonly number[]> {
  const missing: number[] = [];
  let asked = 0;
  for (const i of described) {
    const index = indexes[i];
    const isFirst = isNew[i] === true || index === undefined;
    const isKept = isFirst ? sent[i]?.content !== undefined : await events.hasRaw(index);
    if (!isKept) missing.push(i);
    if (isFirst) continue;
    asked += 1;
    if (asked % ASKED_AT_A_TIME === 0) await systemClock.nextTurn();
  }
  return missing;
}

function pending(witnessed: false | undefined): { readonly witnessed?: false } {
  return witnessed === undefined ? {} : { witnessed };
}

async function oneAnswer(
  c: Context,
  log: Log,
  { head, indexes: [index] }: AppendResult,
  { ids: [id = null], rawMissing, status, witnessed }: EventFacts,
): Promise<Response> {
  if (index === undefined) throw new RangeError('an append without an index');
  const missing = { ...(rawMissing.length === 0 ? {} : { rawMissing: true }), ...pending(witnessed) };
  if (!accepts(c, CBOR)) {
    const receipt = await inclusionText(log, head, index);
    const facts = JSON.stringify({ id, ...missing });
    return varyingJson(`${facts.slice(0, -1)},${receipt.slice(1)}`, status);
  }
  const { leafHash, proof: inclusionProof } = await log.proveInclusion(index, head.size);
  const { size: treeSize, rootHash, note: checkpoint } = head;
  const receipt = { index, leafHash, treeSize, rootHash, inclusionProof, checkpoint };
  return fieldsAnswer(c, { id, ...missing, ...receipt }, status);
}

async function batchAnswer(
  c: Context,
  { head, indexes, isNew }: AppendResult,
  { ids, rawMissing, status, witnessed }: EventFacts,
): Promise<Response> {
  const { size: treeSize, rootHash, note: checkpoint } = head;
  const missing = { ...(rawMissing.length === 0 ? {} : { rawMissing }), ...pending(witnessed) };
  if (accepts(c, CBOR))
    return fieldsAnswer(c, { ids, indexes, new: isNew, ...missing, treeSize, rootHash, checkpoint }, status);
  const facts = JSON.stringify({ ids, ...missing }).slice(0, -1);
  return varyingJson(`${facts},"indexes":[${indexes}],"new":[${isNew}],${headText(head)}}`, status);
}
