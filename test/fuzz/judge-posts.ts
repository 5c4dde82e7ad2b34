import { leafIndex, treeSize } from '../../src/core/units.ts';
import type { PostCase, Sent } from './event-forms.ts';
import { canonical, type EventModel, type Placed } from './event-model.ts';
import type { FuzzEvents } from './event-server.ts';
import { isPlaceIn, placesIn } from './json-places.ts';
import { expectNoBug, expectSame, type Fields, fieldsOf, hex, judgeRefusal, judgeTree } from './judge.ts';
import { judgeReceipt } from './judge-append.ts';
import type { RawAnswer, RawRequest } from './raw-client.ts';

/** What POST events may say no with, here. */
const REFUSALS: Readonly<Record<string, number>> = {
  ...{ invalid_json: 400, invalid_event: 400, raw_mismatch: 400, empty_line: 400, empty_batch: 400 },
  ...{ id_conflict: 409, event_too_large: 413, idempotency_key_reused: 422 },
};
/** Those of a request, and not of one of its events. */
const OF_ALL: readonly string[] = ['invalid_json', 'empty_batch', 'idempotency_key_reused'];
/** Requests after which an id that was refused is looked up once more. */
const LATER = 64;
const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** Events that were taken are those of the request, all of them, once; what was refused says where, and is nowhere. */
export async function judgePost(
  server: FuzzEvents,
  made: PostCase,
  request: RawRequest,
  answer: RawAnswer,
): Promise<void> {
  const { known } = server;
  expectNoBug(server);
  const isWhole = made.fault === undefined && made.list.length === 0;
  const placed = isWhole ? known.place(made.events, made.key) : undefined;
  if (answer.status >= 400) await judgeNo(server, made, request, answer);
  if (made.fault !== undefined) expectFault(made, answer);
  else if (placed !== undefined && 'code' in placed) expectConflict(made, placed, answer);
  else if (placed !== undefined || answer.status < 400) await judgeYes(server, made, request, answer);
  for (const refused of server.refused.splice(0, server.refused.length - LATER))
    await expectFound(server, refused);
  judgeTree(server);
}

function expectFault({ form, fault }: PostCase, { body, status }: RawAnswer): void {
  if (fault === undefined) return;
  const { code, pointer } = fault.is;
  const { errors = [], ...problem } = JSON.parse(body.toString()) as Fields;
  expectSame('the code', problem['code'], code);
  expectSame('its status', status, REFUSALS[code]);
  const wanted = form === 'list' ? `/${fault.at}${pointer}` : pointer;
  expectSame('what it points to', errors.map((error: Fields) => error['pointer']).join(), wanted);
  expectSame('the line', problem['line'], form === 'lines' ? fault.at + 1 : undefined);
}

function expectConflict(
  { form }: PostCase,
  placed: Extract<Placed, { code: string }>,
  { body }: RawAnswer,
): void {
  const { errors, ...problem } = JSON.parse(body.toString()) as Fields;
  expectSame('the code', problem['code'], placed.code);
  if (placed.code !== 'id_conflict') return;
  expectSame('the index of the first', problem['index'], placed.index);
  expectSame('the place', errors[0].pointer, form === 'list' ? `/${placed.at}/id` : '/id');
  expectSame('the line', problem['line'], form === 'lines' ? placed.at + 1 : undefined);
}

/** A refusal of the table, which points into what was sent; none of its events can be found. */
async function judgeNo(
  server: FuzzEvents,
  { form, events }: PostCase,
  request: RawRequest,
  answer: RawAnswer,
): Promise<void> {
  judgeRefusal(request, answer);
  const { code, line, errors = [] } = JSON.parse(answer.body.toString()) as Fields;
  expectSame(`the status of ${code}`, REFUSALS[code], answer.status);
  const text = Buffer.from(request.body).toString();
  const isOfOne = !OF_ALL.includes(code);
  expectSame('whether a line is named', line !== undefined, form === 'lines' && isOfOne);
  expectSame('whether a place is named', errors.length > 0, isOfOne && code !== 'empty_line');
  const places = placesIn(line === undefined ? text : (text.split('\n')[line - 1] ?? ''));
  for (const { pointer } of errors)
    if (!isPlaceIn(places, pointer)) throw new Error(`${pointer} is no place in ${text}`);
  for (const event of events) await expectFound(server, event);
  server.refused.push(...events);
}

/** An id finds the event that was taken with it, and no other. */
async function expectFound({ log, known }: FuzzEvents, event: Sent): Promise<void> {
  const { id, tenant } = event as { id?: string; tenant?: string };
  if (id === undefined) return;
  expectSame(`what ${id} finds`, await log.events.find(id, tenant), known.find(id, tenant));
}

async function judgeYes(
  server: FuzzEvents,
  made: PostCase,
  request: RawRequest,
  answer: RawAnswer,
): Promise<void> {
  const { known, model } = server;
  const events = eventsIn(request, made.form);
  const placed = known.place(events, made.key);
  const fields = fieldsOf(answer);
  if ('code' in placed) throw new Error(`taken in spite of ${placed.code}`);
  const [isOne, anyNew] = [fields['indexes'] === undefined, placed.isNew.includes(true)];
  const ids: string[] = isOne ? [fields['id']] : fields['ids'];
  expectSame('the status', answer.status, anyNew ? 201 : 200);
  expectSame('indexes', `${isOne ? fields['index'] : fields['indexes']}`, `${placed.indexes}`);
  if (!isOne) expectSame('what is new', `${fields['new']}`, `${placed.isNew}`);
  expectIds(known, events, placed.indexes, ids);
  for (const index of known.take(events, { key: made.key, ...placed }, ids)) await readBack(server, index);
  const isKept = (i: number): boolean => known.events[placed.indexes[i] ?? -1]?.content !== undefined;
  const missing = events.flatMap((event, i) => ('raw' in event && !isKept(i) ? [i] : []));
  const wanted = missing.length === 0 ? undefined : isOne ? true : missing;
  expectSame('records without bytes', `${fields['rawMissing']}`, `${wanted}`);
  await judgeReceipt(server, answer, fields);
  expectSame('the size of the head', fields['treeSize'], model.size);
}

/** The events of a body by the words of the specification. */
function eventsIn(request: RawRequest, form: PostCase['form']): readonly Sent[] {
  const body = Buffer.from(request.body);
  expectSame('the body as UTF-8', hex(Buffer.from(body.toString())), hex(body));
  const text = body.toString();
  if (form === 'lines')
    return text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => JSON.parse(line));
  return [JSON.parse(text)].flat(1);
}

/** Those that were sent; of events without one those that they got the first time, or new ones. */
function expectIds(
  known: EventModel,
  events: readonly Sent[],
  indexes: readonly number[],
  ids: readonly string[],
): void {
  expectSame('how many ids', ids.length, events.length);
  for (const [i, event] of events.entries()) {
    const first = known.events[indexes[i] ?? -1]?.id;
    if (first !== undefined || 'id' in event) expectSame('the id', ids[i], first ?? event['id']);
    else if (!ULID.test(ids[i] ?? '')) throw new Error(`no ULID: ${ids[i]}`);
  }
}

/** The log gives out what was sent, and the tree commits to it. */
async function readBack({ log, model, known }: FuzzEvents, index: number): Promise<void> {
  const taken = known.events[index];
  const { event } = await log.events.read(leafIndex(index));
  expectSame('the event that is read', canonical(event), canonical(taken?.event));
  expectSame('the index of its id', await log.events.find(event.id, event.tenant), index);
  const [entry] = await log.readEntries(leafIndex(index), treeSize(index + 1));
  expectSame('the index of a new event', index, model.size);
  model.add(Uint8Array.from(entry ?? []));
}
