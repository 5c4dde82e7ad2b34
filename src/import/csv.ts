import { unmappable } from './refusal.ts';

/**
 * The fields of one record of RFC 4180, which a line end may follow. Bytes that are no UTF-8 are shown as U+FFFD.
 * @throws TlogError unmappable_record
 */
export function csvFields(record: Uint8Array): string[] {
  const text = new TextDecoder().decode(record).replace(/\r?\n?$/, '');
  const fields: string[] = [];
  for (let at = 0; at <= text.length; at += 1) {
    const end = text[at] === '"' ? quotedEnd(text, at) : plainEnd(text, at);
    const field = text.slice(at, end);
    if (end < text.length && text[end] !== ',') throw misquoted(fields.length + 1);
    fields.push(text[at] === '"' ? field.slice(1, -1).replaceAll('""', '"') : field);
    at = end;
  }
  return fields;
}

/** Behind the quote that ends a field; a quote in it is there twice. */
function quotedEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text[end + 1] === '"' && end > 0) end = text.indexOf('"', end + 2);
  if (end < 0) throw unmappable('has a quoted field without an end');
  return end + 1;
}

function plainEnd(text: string, start: number): number {
  const comma = text.indexOf(',', start);
  const end = comma < 0 ? text.length : comma;
  const quote = text.slice(start, end).indexOf('"');
  return quote < 0 ? end : start + quote;
}

function misquoted(field: number): Error {
  return unmappable(`has a quote in its field ${field} that RFC 4180 does not have`);
}
