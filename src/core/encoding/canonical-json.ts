import type { JsonObject, JsonValue } from './strict-json.ts';

/**
 * The one text of a value (RFC 8785): no space, members in the order of the UTF-16 code units of their names. Values are
 * those that parseStrictJson gives, so numbers are whole and texts have no lone surrogate: what is left of the RFC is how
 * ECMAScript writes JSON.
 */
export function canonicalJson(value: JsonValue): string {
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonicalJson(inner)}`).join(',')}}`;
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}
