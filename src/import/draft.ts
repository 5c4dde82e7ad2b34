import { formatBase64 } from '../core/encoding/base64.ts';
import type { JsonObject, JsonValue } from '../core/encoding/strict-json.ts';
import { utf8Encode } from '../core/encoding/utf8.ts';
import {
  checkMembers,
  EVENT_BYTES_MAX,
  EVENT_DATA_BYTES_MAX,
  EVENT_SCHEMA,
  RAW_BYTES_MAX,
} from '../core/event/event.ts';
import { Faults } from '../core/event/shape.ts';
import { membersOfSlot, SLOT_NAMES } from '../core/event/slots.ts';
import { unmappable } from './refusal.ts';

/** Members of an event where those without a value are left out. */
export interface LooseMembers {
  readonly [name: string]: JsonValue | undefined | LooseMembers | readonly (LooseMembers | undefined)[];
}

/** What a format makes of a record: members of the event, and what is left of the record. */
export interface Mapped {
  readonly members: LooseMembers;
  readonly rest: JsonObject;
}

/** The record itself. */
export interface Raw {
  /** Names the format, and the version of the rules by which it was mapped. */
  readonly format: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** As long as what the log puts in their place. */
const ID = '0'.repeat(26);
const SHA256 = `${'A'.repeat(43)}=`;
/** What mappings set. */
const MEMBERS = SLOT_NAMES.flatMap(membersOfSlot).filter((member) => member !== 'raw' && member !== 'data');

/**
 * The event as it is sent to a log, which gives it an id where it has none and describes its raw record. Of what is left of the
 * record, the largest members stay out of `data` where it would be too large; the raw record has them.
 * @throws TlogError unmappable_record when it is no event
 */
export function draftEvent({ members, rest }: Mapped, raw: Raw): JsonObject {
  if (raw.bytes.length > RAW_BYTES_MAX) throw unmappable(`is longer than ${RAW_BYTES_MAX} bytes`);
  const event: JsonObject = { schema: EVENT_SCHEMA, ...present(members) };
  const { format, mediaType: media_type, bytes } = raw;
  const described = { id: ID, ...event, raw: { format, media_type, sha256: SHA256, size: bytes.length } };
  // `,"data":` comes with it.
  const room = EVENT_BYTES_MAX - byteLength(described) - 8;
  if (room < 0) throw unmappable(`makes an event of more than ${EVENT_BYTES_MAX} bytes`);
  check(event);
  const data = fitting(rest, Math.min(room, EVENT_DATA_BYTES_MAX));
  const held = Object.keys(data).length === 0 ? {} : { data };
  return { ...event, ...held, raw: { format, media_type, content: formatBase64(bytes) } };
}

/** Without members that are undefined, and without objects and lists that are empty then. */
function present(members: LooseMembers): JsonObject {
  const found = Object.entries(members).flatMap(([name, value]): [string, JsonValue][] => {
    const inner = presentValue(value);
    return inner === undefined ? [] : [[name, inner]];
  });
  return Object.fromEntries(found);
}

function presentValue(value: LooseMembers[string]): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return value;
  if (isLooseList(value)) {
    const items = value.map(presentValue).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const inner = present(value);
  return Object.keys(inner).length === 0 ? undefined : inner;
}

function isLooseList(value: object): value is readonly LooseMembers[string][] {
  return Array.isArray(value);
}

/** As many members as have room, those dropped being the largest. */
function fitting(rest: JsonObject, bytesMax: number): JsonObject {
  if (byteLength(rest) <= bytesMax) return rest;
  const sized = Object.entries(rest).map(([name, value]) => ({
    name,
    bytes: byteLength({ [name]: value }) - 1,
  }));
  let bytes = 1 + sized.reduce((sum, member) => sum + member.bytes, 0);
  const dropped = new Set<string>();
  for (const member of sized.sort((a, b) => b.bytes - a.bytes)) {
    if (bytes <= bytesMax) break;
    bytes -= member.bytes;
    dropped.add(member.name);
  }
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !dropped.has(name)));
}

/** Of the canonical text, which has the same characters in another order. */
function byteLength(value: JsonValue): number {
  return utf8Encode(JSON.stringify(value)).length;
}

function check(event: JsonObject): void {
  const faults = new Faults();
  const members = 'id' in event ? MEMBERS : MEMBERS.filter((member) => member !== 'id');
  checkMembers(members, event, { pointer: '', faults });
  const [first] = faults.found;
  if (first !== undefined) throw unmappable(`makes no event: ${first.pointer}: ${first.detail}`);
}
