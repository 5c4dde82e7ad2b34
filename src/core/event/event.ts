import { canonicalJson, isObject } from '../encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, parseStrictJson } from '../encoding/strict-json.ts';
import { utf8Encode, utf8EncodeShared } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { isEventId, isEventTime } from './names.ts';
import {
  anything,
  count,
  Faults,
  fits,
  listOf,
  type MemberFault,
  mapOf,
  object,
  oneOf,
  type Shape,
  type Shapes,
  text,
  textThat,
} from './shape.ts';

/** The only schema there is. */
export const EVENT_SCHEMA = 'audit-event/1';
/** Deepest nesting of an event; the event itself is the first level. */
export const EVENT_DEPTH_MAX = 32;
/** Longest canonical text of an event, in bytes of UTF-8. */
export const EVENT_BYTES_MAX: number = 64 * 1024;
/** Longest canonical text of `data`, in bytes of UTF-8. */
export const EVENT_DATA_BYTES_MAX: number = 48 * 1024;
/** Longest verbatim record of another system. */
export const RAW_BYTES_MAX: number = 5 * 1024 * 1024;
/** Longest text that is read as an event: each of its bytes escaped, with room for space. */
const TEXT_LENGTH_MAX = 8 * EVENT_BYTES_MAX;

export const EVENT_KINDS = [
  'authentication',
  'authorization',
  'account',
  'resource',
  'api',
  'data',
  'config',
  'system',
] as const;
export const EVENT_OPERATIONS = [
  'create',
  'read',
  'update',
  'delete',
  'execute',
  'login',
  'logout',
  'grant',
  'revoke',
  'other',
] as const;
export const EVENT_OUTCOMES = ['success', 'failure', 'denied', 'unknown'] as const;

/** Who did it. `effective` is the identity whose rights were used. */
export interface EventActor {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  readonly groups?: readonly string[];
  readonly session?: string;
  readonly effective?: EventActor;
}

/** What it was done to. */
export interface EventTarget {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  readonly parent?: string;
}

/** An audit event: who did what to which thing, when, from where, with what outcome. Names are those of the JSON. */
export interface AuditEvent {
  readonly schema: typeof EVENT_SCHEMA;
  readonly id: string;
  /** RFC 3339 in UTC. */
  readonly time: string;
  readonly action: string;
  readonly kind?: (typeof EVENT_KINDS)[number];
  readonly operation?: (typeof EVENT_OPERATIONS)[number];
  readonly outcome: (typeof EVENT_OUTCOMES)[number];
  readonly reason?: { readonly code?: string; readonly message?: string };
  readonly actor: EventActor;
  readonly targets?: readonly EventTarget[];
  /** `ip` is what the server saw; `forwarded` are claims. */
  readonly source?: {
    readonly ip?: string;
    readonly forwarded?: readonly string[];
    readonly user_agent?: string;
  };
  /** Who observed it. */
  readonly service?: { readonly name?: string; readonly version?: string; readonly component?: string };
  readonly tenant?: string;
  readonly trace?: { readonly trace_id?: string; readonly span_id?: string; readonly request_id?: string };
  readonly changes?: readonly {
    readonly path: string;
    readonly old?: JsonValue;
    readonly new?: JsonValue;
  }[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly data?: JsonObject;
  /** Describes the verbatim bytes of another system's record; `sha256` is base64. */
  readonly raw?: {
    readonly format: string;
    readonly media_type: string;
    readonly sha256: string;
    readonly size: number;
  };
}

const name = text(1_024);
const message = text(8_192);
const actor: Shape = object(
  { type: text(100), id: name },
  {
    name,
    groups: listOf(name, 256),
    session: name,
    effective: (value, pointer, faults) => actor(value, pointer, faults),
  },
);
const isPointer = (path: string): boolean => path.length <= 1_024 && /^(?:\/(?:[^~]|~[01])*)?$/s.test(path);
/** 32 bytes in their one spelling: the last digit has two spare bits. */
const SHA256_BASE64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const data: Shape = (value, pointer, faults) => {
  if (!isObject(value) || isLonger(canonicalJson(value), EVENT_DATA_BYTES_MAX))
    faults.add(pointer, `an object of at most ${EVENT_DATA_BYTES_MAX} bytes of canonical text`);
};

const REQUIRED: Shapes = {
  schema: textThat((value) => value === EVENT_SCHEMA, `the text ${EVENT_SCHEMA}`),
  id: textThat(isEventId, '1 to 200 of A-Z a-z 0-9 . _ ~ : @ -, not digits alone and not a reserved word'),
  time: textThat(isEventTime, 'a time of RFC 3339 in UTC with Z, of at most 9 digits of a second'),
  action: textThat(
    (value) => value.length <= 200 && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(value),
    'words of a-z 0-9 _ - with dots between, of at most 200 characters',
  ),
  outcome: oneOf(EVENT_OUTCOMES),
  actor,
};
const OPTIONAL: Shapes = {
  kind: oneOf(EVENT_KINDS),
  operation: oneOf(EVENT_OPERATIONS),
  reason: object({}, { code: name, message }),
  targets: listOf(object({ type: text(100), id: name }, { name, parent: name }), 32),
  source: object({}, { ip: text(256), forwarded: listOf(text(256), 32), user_agent: message }),
  service: object({}, { name: text(200), version: text(200), component: text(200) }),
  tenant: text(200),
  trace: object({}, { trace_id: text(200), span_id: text(200), request_id: text(200) }),
  changes: listOf(
    object(
      { path: textThat(isPointer, 'a JSON Pointer of at most 1024 characters') },
      { old: anything, new: anything },
    ),
    256,
  ),
  labels: mapOf(text(500, 0), { max: 50, nameMax: 40 }),
  data,
  raw: object(
    {
      format: text(100),
      media_type: text(200),
      sha256: textThat((value) => SHA256_BASE64.test(value), 'base64 of 32 bytes'),
      size: count(RAW_BYTES_MAX),
    },
    {},
  ),
};
const whole = object(REQUIRED, OPTIONAL);

/** An event with its canonical text in UTF-8, in memory that it shares with others. */
export interface CheckedEvent {
  readonly event: AuditEvent;
  readonly text: Uint8Array;
}

/**
 * An event from its JSON text, in the form in which it is committed: `schema` and `id` are there, `raw` has no content.
 * @throws TlogError invalid_event with `details.errors`, a list of `{pointer, detail}`; event_too_large
 */
export function parseEvent(json: string): AuditEvent {
  checkJsonLength(json.length, '');
  const value = parseStrictJson(json, EVENT_DEPTH_MAX, (pointer, detail) =>
    invalidEvent([{ pointer, detail }]),
  );
  return checkEvent(value, '').event;
}

/** The canonical text of an event, in UTF-8, in memory that it shares with others. */
export function eventText(event: AuditEvent): Uint8Array {
  return utf8EncodeShared(canonicalJson(event as unknown as JsonObject));
}

/** @throws TlogError event_too_large, with `pointer`, for a JSON text of more characters than any event needs */
export function checkJsonLength(characters: number, pointer: string): void {
  if (characters > TEXT_LENGTH_MAX)
    throw tooLarge(pointer, `its JSON has more than ${TEXT_LENGTH_MAX} characters`);
}

/** The same of a value that parseStrictJson gave; pointers of faults begin with `pointer`. @throws TlogError as parseEvent */
export function checkEvent(value: JsonValue, pointer: string): CheckedEvent {
  if (!fits(whole, value)) throw invalidEvent(faultsOf(value, pointer));
  const text = utf8EncodeShared(canonicalJson(value));
  if (text.length > EVENT_BYTES_MAX)
    throw tooLarge(pointer, `its canonical text has more than ${EVENT_BYTES_MAX} bytes`);
  return { event: value as unknown as AuditEvent, text };
}

function faultsOf(value: JsonValue, pointer: string): readonly MemberFault[] {
  const faults = new Faults();
  whole(value, pointer, faults);
  return faults.found;
}

/** Whether a text has more bytes of UTF-8; one of few units is not encoded to be counted. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && utf8Encode(text).length > bytesMax;
}

/** Compares a value with some members of an event: none but those, and those of them that every event has. */
export function checkMembers(
  members: readonly string[],
  value: JsonValue,
  { pointer, faults }: { readonly pointer: string; readonly faults: Faults },
): void {
  object(only(REQUIRED, members), only(OPTIONAL, members))(value, pointer, faults);
}

function only(shapes: Shapes, members: readonly string[]): Shapes {
  return Object.fromEntries(Object.entries(shapes).filter(([member]) => members.includes(member)));
}

/** The refusal of what is no event, naming what is wrong with which member. */
export function invalidEvent(errors: readonly MemberFault[]): TlogError {
  const [first] = errors;
  const where = first?.pointer === '' ? 'it' : first?.pointer;
  return new TlogError('invalid_event', `not an ${EVENT_SCHEMA}: ${where}: ${first?.detail}`, {
    details: { errors },
  });
}

function tooLarge(pointer: string, detail: string): TlogError {
  const message = `${pointer === '' ? 'the event' : pointer} is too large: ${detail}`;
  return new TlogError('event_too_large', message, { details: { errors: [{ pointer, detail }] } });
}
