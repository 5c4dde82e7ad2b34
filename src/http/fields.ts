import { Encoder } from 'cbor-x';
import type { Context } from 'hono';
import { accepts, base64 } from './answer.ts';

export const CBOR = 'application/cbor';

/** What an answer has under one name. Absent members are left out. */
type Field =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | undefined
  | { readonly [name: string]: Field }
  | readonly Field[];

const encoder = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true });

/** The members as JSON with bytes in base64, or, where Accept names it, as CBOR with byte strings. */
export function fieldsAnswer(c: Context, fields: Readonly<Record<string, Field>>, status = 200): Response {
  return accepts(c, CBOR) ? cborAnswer(fields, status) : varyingJson(jsonText(fields), status);
}

/** The text of a JSON object in UTF-8. */
export type JsonBytes = Uint8Array<ArrayBuffer>;

/** JSON on a path that answers CBOR too. */
export function varyingJson(body: string | JsonBytes, status = 200): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json', Vary: 'Accept' } });
}

function cborAnswer(fields: Readonly<Record<string, Field>>, status: number): Response {
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const body = new Uint8Array(encoder.encode(present));
  return new Response(body, { status, headers: { 'Content-Type': CBOR, Vary: 'Accept' } });
}

/** By hand: JSON.stringify with a function for the bytes takes several times as long. */
function jsonText(fields: Readonly<Record<string, Field>>): string {
  const members = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `{${members.map(([name, value]) => `"${name}":${textOf(value)}`).join(',')}}`;
}

function textOf(value: Field): string {
  if (value instanceof Uint8Array) return `"${base64(value)}"`;
  return Array.isArray(value) ? `[${value.map(textOf).join(',')}]` : JSON.stringify(value);
}
