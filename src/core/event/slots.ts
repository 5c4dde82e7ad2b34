import { SharedMemory } from '../bytes.ts';
import type { JsonObject, JsonValue } from '../encoding/strict-json.ts';
import { utf8Encode } from '../encoding/utf8.ts';
import type { AuditEvent } from './event.ts';

/** The parts of an event that can be withheld or erased alone, in the order of their numbers. */
export const SLOT_NAMES = [
  'core',
  'reason',
  'actor',
  'targets',
  'source',
  'changes',
  'labels',
  'data',
  'raw',
] as const;
export type SlotName = (typeof SLOT_NAMES)[number];

const CORE_MEMBERS = [
  ...(['schema', 'id', 'time', 'action', 'kind', 'operation'] as const),
  ...(['outcome', 'service', 'tenant', 'trace'] as const),
] as const;

/** The members of an event that a slot holds. */
export function membersOfSlot(name: SlotName): readonly (keyof AuditEvent)[] {
  return name === 'core' ? CORE_MEMBERS : [name];
}

/** Whether every event has members in this slot. */
export function isNeverEmpty(name: SlotName): boolean {
  return name === 'core' || name === 'actor';
}

/** The nine values of an event, in order: what it has of each slot, null for an empty one. */
export function slotValues(event: AuditEvent): readonly (JsonObject | null)[] {
  const members = event as unknown as JsonObject;
  return SLOT_NAMES.map((name) => {
    const held: Record<string, JsonValue> = {};
    for (const member of membersOfSlot(name)) {
      const value = Object.hasOwn(members, member) ? members[member] : undefined;
      if (value !== undefined) held[member] = value;
    }
    return Object.keys(held).length === 0 ? null : held;
  });
}

/** The bytes of each name in quotes, in the order of SLOT_NAMES. Those of members alone in their slot have its name. */
const QUOTED_NAMES = SLOT_NAMES.map((name) => utf8Encode(`"${name}"`));

const shared = new SharedMemory();

/** A member in the text of its event: the number of its slot, and from where to where it stands. */
interface Member {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
}

/**
 * The canonical texts of the nine values, in UTF-8, cut out of that of the event; undefined for an empty slot. An event's members and
 * those of each slot stand in the same order, so none has to be written again. A member that is none of an event is put into the core,
 * so that no commitment to an event is one to it. They lie in memory that they share.
 */
export function slotTexts(eventText: Uint8Array): readonly (Uint8Array | undefined)[] {
  const members = membersIn(eventText);
  // Of an event, which has braces and commas too, all but those that each slot has of its own.
  const texts = shared.take(eventText.length + 2 * SLOT_NAMES.length);
  const cut: (Uint8Array | undefined)[] = [];
  let start = 0;
  for (let slot = 0; slot < SLOT_NAMES.length; slot += 1) {
    let end = start;
    for (const member of members) {
      if (member.slot !== slot) continue;
      texts[end] = end === start ? OPEN_OBJECT : COMMA;
      texts.set(eventText.subarray(member.start, member.end), end + 1);
      end += 1 + member.end - member.start;
    }
    if (end > start) {
      texts[end] = CLOSE_OBJECT;
      end += 1;
    }
    cut.push(end === start ? undefined : texts.subarray(start, end));
    start = end;
  }
  return cut;
}

function membersIn(eventText: Uint8Array): readonly Member[] {
  const members: Member[] = [];
  for (let start = 1; start < eventText.length; ) {
    const end = memberEnd(eventText, start);
    members.push({ slot: slotAt(eventText, start), start, end });
    start = end + 1;
  }
  return members;
}

/** The slot of the member whose name begins at `start`. */
function slotAt(json: Uint8Array, start: number): number {
  for (let slot = 1; slot < QUOTED_NAMES.length; slot += 1)
    if (hasAt(json, start, QUOTED_NAMES[slot] as Uint8Array)) return slot;
  return 0;
}

function hasAt(json: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i += 1) if (json[start + i] !== name[i]) return false;
  return true;
}

const [QUOTE, COMMA, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
];

/** Where the comma behind a member is, or the end of the object that it is the last one of. */
function memberEnd(json: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = closingQuote(json, at);
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_OBJECT)) return at;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
  }
  return json.length;
}

function closingQuote(json: Uint8Array, opening: number): number {
  let at = opening + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
