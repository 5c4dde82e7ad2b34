import { parseStrictJson, pointerTo } from '../core/encoding/strict-json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { checkJsonLength, EVENT_DEPTH_MAX, invalidEvent } from '../core/event/event.ts';
import { readSubmission, type Submission, type SubmissionDeps } from '../core/event/submission.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import { base64 } from './answer.ts';
import { BATCH_ENTRIES_MAX } from './batch.ts';

/** How the events of a body are told apart: it is one, a list of them, or one a line. */
export type BodyForm = 'one' | 'list' | 'lines';

/** The events of a body. */
export interface EventBody {
  readonly form: BodyForm;
  readonly submissions: readonly Submission[];
}

/**
 * The events of a JSON body, an object or a list, or of NDJSON.
 * @throws TlogError invalid_json, empty_batch, empty_line, batch_too_large, and those of readSubmission, each naming its place
 */
export function readEvents(body: Uint8Array, isLines: boolean, freshId: () => string): EventBody {
  const text = utf8Decode(body);
  if (text === undefined) throw new TlogError('invalid_json', 'the body is not UTF-8');
  const deps: SubmissionDeps = {
    sha256: nodeEventHasher.sha256,
    freshId,
    decodeBase64,
    formatBase64: base64,
  };
  if (isLines) return { form: 'lines', submissions: counted(linesOf(text)).map(submissionOfLine(deps)) };
  if (!/^[ \t\r\n]*\[/.test(text)) return { form: 'one', submissions: [oneOf(text, deps)] };
  const list = parseStrictJson(text, EVENT_DEPTH_MAX + 1, refuse);
  const events = counted(Array.isArray(list) ? list : []);
  return {
    form: 'list',
    submissions: events.map((value, i) => readSubmission(value, pointerTo('', i), deps)),
  };
}

function oneOf(text: string, deps: SubmissionDeps): Submission {
  const submission = readSubmission(parseStrictJson(text, EVENT_DEPTH_MAX, refuse), '', deps);
  // Bytes of a foreign record, of which base64 takes four characters for three, count by themselves.
  const { content } = submission;
  checkJsonLength(text.length - (content === undefined ? 0 : Math.ceil(content.length / 3) * 4));
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
  if (form === 'lines')
    return atLine(new TlogError(error.code, error.message, { details }), Number(position) + 1);
  const pointer = form === 'one' ? '/id' : `/${position}/id`;
  const errors = [{ pointer, detail: 'is that of another event' }];
  return new TlogError(error.code, error.message, { cause: error, details: { ...details, errors } });
}

/** The lines of a text; a last line without LF counts. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function counted<T>(events: readonly T[]): readonly T[] {
  if (events.length === 0) throw new TlogError('empty_batch', 'the body holds no event');
  if (events.length <= BATCH_ENTRIES_MAX) return events;
  throw new TlogError('batch_too_large', `${events.length} events; ${BATCH_ENTRIES_MAX} is the most`);
}

function refuse(pointer: string, detail: string): TlogError {
  return invalidEvent([{ pointer, detail }]);
}

/** By what it encodes to: a pattern over megabytes would take longer than both ways. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
