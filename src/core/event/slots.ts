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
