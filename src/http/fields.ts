import { Encoder } from 'cbor-x';
import type { Context } from 'hono';
import { accepts, base64, jsonAnswer } from './answer.ts';

/** What an answer has under one name. Absent members are left out. */
type Field =
  | string
  | number
  | boolean
  | Uint8Array
  | undefined
  | Readonly<Record<string, number>>
  | readonly (string | number | boolean | Uint8Array)[];

const encoder = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true });

/** The members as JSON with bytes in base64, or, where Accept names it, as CBOR with byte strings. */
export function fieldsAnswer(c: Context, fields: Readonly<Record<string, Field>>, status = 200): Response {
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const isCbor = accepts(c, 'application/cbor');
  const answer = isCbor ? cborAnswer(present, status) : jsonAnswer(JSON.stringify(present, inBase64), status);
  answer.headers.set('Vary', 'Accept');
  return answer;
}

function cborAnswer(fields: object, status: number): Response {
  const body = new Uint8Array(encoder.encode(fields));
  return new Response(body, { status, headers: { 'Content-Type': 'application/cbor' } });
}

function inBase64(this: unknown, key: string, value: unknown): unknown {
  // Buffer has a toJSON that was called already: the member itself tells what it was.
  const original: unknown = Reflect.get(Object(this), key);
  return original instanceof Uint8Array ? base64(original) : value;
}
