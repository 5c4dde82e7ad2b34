import { utf8Encode } from '../core/encoding/utf8.ts';
import { isEventId } from '../core/event/names.ts';

/** A text as a word of an action: lower case, other characters become `_`. */
export function wordOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '_');
}

/**
 * The id of a record that its own system has named: what names it, with colons between. Characters that ids do not have are
 * written as `~` and two hex digits a byte. Undefined when a part is missing or the whole is too long, so that the log gives one.
 */
export function idOf(...parts: readonly (string | undefined)[]): string | undefined {
  const named = parts.filter((part) => part !== undefined);
  const id = named.map((part) => part.replaceAll(/[^A-Za-z0-9._@:-]/gu, escaped)).join(':');
  return named.length === parts.length && isEventId(id) ? id : undefined;
}

function escaped(character: string): string {
  return Array.from(utf8Encode(character), (byte) => `~${byte.toString(16).padStart(2, '0')}`).join('');
}
