import type { JsonObject, JsonValue } from '../encoding/strict-json.ts';
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

/** The number of the slot that holds a member. */
const SLOT_OF: ReadonlyMap<string, number> = new Map(
  SLOT_NAMES.flatMap((name, slot) => membersOfSlot(name).map((member) => [member, slot])),
);

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

/**
 * The canonical texts of the nine values, cut out of that of the event; undefined for an empty slot. An event's members and those of each
 * slot stand in the same order, so none has to be written again. A member that is none of an event is put into the core, so that no
 * commitment to an event is one to it.
 */
export function slotTexts(eventText: string): readonly (string | undefined)[] {
  const texts: (string | undefined)[] = SLOT_NAMES.map(() => undefined);
  for (let start = 1; start < eventText.length; ) {
    const end = memberEnd(eventText, start);
    const slot = SLOT_OF.get(eventText.slice(start + 1, eventText.indexOf('"', start + 1))) ?? 0;
    const before = texts[slot];
    texts[slot] = `${before === undefined ? '{' : `${before},`}${eventText.slice(start, end)}`;
    start = end + 1;
  }
  return texts.map((text) => text && `${text}}`);
}

const [QUOTE, COMMA, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
];

/** Where the comma behind a member is, or the end of the object that it is the last one of. */
function memberEnd(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) at = closingQuote(json, at);
    else if (depth === 0 && (unit === COMMA || unit === CLOSE_OBJECT)) return at;
    else if (unit === OPEN_LIST || unit === OPEN_OBJECT) depth += 1;
    else if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) depth -= 1;
  }
  return json.length;
}

function closingQuote(json: string, opening: number): number {
  let at = json.indexOf('"', opening + 1);
  while (isEscaped(json, at)) at = json.indexOf('"', at + 1);
  return at < 0 ? json.length : at;
}

/** Whether there is an odd number of backslashes before it. */
function isEscaped(json: string, at: number): boolean {
  let first = at;
  while (json.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}
