import { type JsonValue, parseStrictJson, pointerTo, strictListItems } from '../core/encoding/strict-json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { checkJsonLength, EVENT_DEPTH_MAX, invalidEvent } from '../core/event/event.ts';
import { readSubmission, type Submission, type SubmissionDeps } from '../core/event/submission.ts';
import type { IdHasher } from '../events/event-keys.ts';
import type { NewEvent } from '../events/seal-event.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import { base64 } from './answer.ts';
import { BATCH_ENTRIES_MAX } from './batch.ts';

/** How the events of a body are told apart: it is one, a list of them, or one a line. */
export type BodyForm = 'one' | 'list' | 'lines';

/** The events of a body. */
export interface EventBody {
  readonly form: BodyForm;
  readonly events: readonly NewEvent[];
  /** Positions of those that describe the record of another system. */
  readonly described: readonly number[];
}

/** What a server brings to the reading of events. */
export interface ReadEventsDeps {
  /** What ids are looked up by. */
  readonly ids: Pick<IdHasher, 'keyOf'>;
  /** An id that no other event has. */
  freshId(): string;
  /** Gives way to other work. */
  nextTurn(): Promise<void>;
}

/** Characters that are read without giving way: about eight milliseconds. */
const READ_AT_A_TIME = 256 * 1024;
/** Bytes of a body that is put together and decoded in a turn of its own: some ten milliseconds for the longest. */
const DECODED_ALONE = 2 * 1024 * 1024;

/**
 * The events of a JSON body, an object or a list, or of NDJSON.
 * @throws TlogError invalid_json, empty_batch, empty_line, batch_too_large, and those of readSubmission, each naming its place
 */
export async function readEvents(
  body: Uint8Array,
  isLines: boolean,
  { ids, freshId, nextTurn }: ReadEventsDeps,
): Promise<EventBody> {
  const text = utf8Decode(body);
  if (text === undefined) throw new TlogError('invalid_json', 'the body is not UTF-8');
  if (body.length > DECODED_ALONE) await nextTurn();
  const { sha256 } = nodeEventHasher;
  const deps: SubmissionDeps = { sha256, freshId, decodeBase64, formatBase64: base64 };
  const readAs = async (form: BodyForm, events: Iterable<Read>): Promise<EventBody> => ({
    form,
    ...(await readInTurns(events, ids, nextTurn)),
  });
  if (isLines) return readAs('lines', linesIn(text, deps));
  if (!/^[ \t\r\n]*\[/.test(text)) return readAs('one', onlyOne(text, deps));
  return readAs('list', itemsIn(text, deps));
}

/** An event of many, and where the text behind it begins. */
interface Read {
  readonly submission: Submission;
  readonly end: number;
}

async function readInTurns(
  all: Iterable<Read>,
  ids: ReadEventsDeps['ids'],
  nextTurn: () => Promise<void>,
): Promise<Omit<EventBody, 'form'>> {
  const events: NewEvent[] = [];
  const described: number[] = [];
  let turnStart = 0;
  for (const { submission, end } of all) {
    if (submission.event.raw !== undefined) described.push(events.length);
    events.push(newEventOf(submission, ids));
    if (end - turnStart < READ_AT_A_TIME) continue;
    await nextTurn();
    turnStart = end;
  }
  return { events, described };
}

/** What a commit needs of it. The rest would grow old in the queue, and old objects are those that cost. */
function newEventOf(
  { event: { id, tenant, kind, operation, outcome, service }, text, sent, hasId, content }: Submission,
  ids: ReadEventsDeps['ids'],
): NewEvent {
  const event = { id, kind, operation, outcome, service };
  return { event, text, sent, idKey: ids.keyOf(id, tenant), hasId, content };
}

function* linesIn(text: string, deps: SubmissionDeps): Iterable<Read> {
  const lines = counted(linesOf(text));
  const read = submissionOfLine(deps);
  let end = 0;
  for (const [i, line] of lines.entries()) {
    end += line.length + 1;
    yield { submission: read(line, i), end };
  }
}

function* itemsIn(text: string, deps: SubmissionDeps): Iterable<Read> {
  let [count, start] = [0, text.indexOf('[') + 1];
  for (const { value, end } of strictListItems(text, EVENT_DEPTH_MAX + 1, refuse)) {
    if (count === BATCH_ENTRIES_MAX) throw tooMany(`more than ${BATCH_ENTRIES_MAX}`);
    const place = { characters: end - start, pointer: pointerTo('', count) };
    yield { submission: submissionOf(value, place, deps), end };
    [count, start] = [count + 1, end + 1];
  }
  if (count === 0) throw empty();
}

function* onlyOne(text: string, deps: SubmissionDeps): Iterable<Read> {
  yield { submission: oneOf(text, deps), end: 0 };
}

function oneOf(text: string, deps: SubmissionDeps): Submission {
  const value = parseStrictJson(text, EVENT_DEPTH_MAX, refuse);
  return submissionOf(value, { characters: text.length, pointer: '' }, deps);
}

/** @param place how long its JSON is, and where it stands in the body */
function submissionOf(
  value: JsonValue,
  { characters, pointer }: { readonly characters: number; readonly pointer: string },
  deps: SubmissionDeps,
): Submission {
  const submission = readSubmission(value, pointer, deps);
  // Bytes of a foreign record, of which base64 takes four characters for three, count by themselves.
  const { content } = submission;
  checkJsonLength(characters - (content === undefined ? 0 : Math.ceil(content.length / 3) * 4), pointer);
  return submission;
}

function submissionOfLine(deps: SubmissionDeps): (text: string, at: number) => Submission {
  return (text, at) => {
    try {
      if (text === '') throw new TlogError('empty_line', `line ${at + 1} is empty`);
      return oneOf(text, deps);
    } catch (error) {
      throw error instanceof TlogError ? atLine(error, at + 1) : error;
    }
  };
}

/** The same refusal, with the number of the line. */
function atLine(error: TlogError, line: number): TlogError {
  const message = error.code === 'empty_line' ? error.message : `line ${line}: ${error.message}`;
  return new TlogError(error.code, message, { cause: error, details: { ...error.details, line } });
}

/** Where in a body the event is whose id is another one's. */
export function atPosition(error: unknown, form: BodyForm): unknown {
  if (!(error instanceof TlogError) || error.code !== 'id_conflict') return error;
  const { position, ...details } = error.details;
  const errors = [
    { pointer: form === 'list' ? `/${position}/id` : '/id', detail: 'is that of another event' },
  ];
  const placed = new TlogError(error.code, error.message, { cause: error, details: { ...details, errors } });
  return form === 'lines' ? atLine(placed, Number(position) + 1) : placed;
}

/** The lines of a text; a last line without LF counts. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function counted<T>(events: readonly T[]): readonly T[] {
  if (events.length === 0) throw empty();
  if (events.length > BATCH_ENTRIES_MAX) throw tooMany(`${events.length}`);
  return events;
}

function empty(): TlogError {
  return new TlogError('empty_batch', 'the body holds no event');
}

function tooMany(count: string): TlogError {
  return new TlogError('batch_too_large', `${count} events; ${BATCH_ENTRIES_MAX} is the most`);
}

function refuse(pointer: string, detail: string): TlogError {
  return invalidEvent([{ pointer, detail }]);
}

/** By what it encodes to: a pattern over megabytes would take longer than both ways. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
