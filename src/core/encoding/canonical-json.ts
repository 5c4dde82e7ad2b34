import type { JsonObject, JsonValue } from './strict-json.ts';

/**
 * The one text of a value (RFC 8785): no space, members in the order of the UTF-16 code units of their names. Values are
 * those that parseStrictJson gives, so numbers are whole and texts have no lone surrogate: what is left of the RFC is how
 * ECMAScript writes JSON.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return quoted(value);
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
    const member = `${quoted(name)}:${canonicalJson(value[name] as JsonValue)}`;
    text += text === '' ? member : `,${member}`;
  }
  return `{${text}}`;
}

/** Nothing in it is written otherwise in JSON. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]{0,64}$/;

/** As JSON.stringify has it, which takes three times as long for what is plain and short. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}
