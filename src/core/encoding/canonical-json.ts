import type { JsonObject, JsonValue } from './strict-json.ts';

/**
 * The one text of a value (RFC 8785): no space, members in the order of the UTF-16 code units of their names. Values are
 * those that parseStrictJson gives, so numbers are whole and texts have no lone surrogate: what is left of the RFC is how
 * ECMAScript writes JSON.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return isList(value) ? listText(value) : objectText(value);
}

function listText(list: readonly JsonValue[]): string {
  let text = '';
  for (const item of list) text += text === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `[${text}]`;
}

/** Without a comparison function names are sorted by their UTF-16 code units. Lists of members would cost as much again. */
function objectText(value: JsonObject): string {
  let text = '';
  for (const name of Object.keys(value).sort()) {
    const member = `${JSON.stringify(name)}:${canonicalJson(value[name] as JsonValue)}`;
    text += text === '' ? member : `,${member}`;
  }
  return `{${text}}`;
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}
