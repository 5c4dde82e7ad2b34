import { canonicalJson, isObject } from '../encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, pointerTo } from '../encoding/strict-json.ts';
import { utf8EncodeShared } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import type { Sha256 } from '../merkle/hasher.ts';
import { type AuditEvent, checkEvent, EVENT_SCHEMA, invalidEvent, RAW_BYTES_MAX } from './event.ts';

/** What a server brings to events that are sent to it. */
export interface SubmissionDeps {
  readonly sha256: Sha256;
  /** An id that no other event has. */
  freshId(): string;
  /** Bytes of canonical padded base64, and nothing else: undefined. */
  decodeBase64(text: string): Uint8Array | undefined;
  formatBase64(bytes: Uint8Array): string;
}

/** An event as it was sent, and as it is committed. */
export interface Submission {
  readonly event: AuditEvent;
  /** Canonical text of the event. This and the next are UTF-8, in memory that they share with others. */
  readonly text: Uint8Array;
  /**
   * Canonical text of what was sent, with the schema, and with digest and size in the place of `raw.content`: the same for every
   * retry, however it is spelled.
   */
  readonly sent: Uint8Array;
  /** Whether the sender chose the id. */
  readonly hasId: boolean;
  /** The verbatim bytes of the foreign record, where they were sent. */
  readonly content: Uint8Array | undefined;
}

/**
 * An event from the value of its JSON: `schema` and `id` are filled in, and `raw.content` (base64) becomes bytes that
 * `sha256` and `size` describe. `pointer` is where the value stands in what was sent.
 * @throws TlogError invalid_event and event_too_large as checkEvent, raw_mismatch, raw_too_large
 */
export function readSubmission(value: JsonValue, pointer: string, deps: SubmissionDeps): Submission {
  if (!isObject(value)) throw invalidEvent([{ pointer, detail: 'an object' }]);
  const content = contentOf(value, pointer, deps);
  const sent = content === undefined ? value : { ...value, raw: described(value, content, pointer, deps) };
  // An own member, whatever it is, stays: `checkEvent` looks at it.
  const named = Object.hasOwn(sent, 'schema') ? sent : { ...sent, schema: EVENT_SCHEMA };
  const hasId = Object.hasOwn(value, 'id');
  const { event, text } = checkEvent(hasId ? named : { ...named, id: deps.freshId() }, pointer);
  return { event, text, sent: hasId ? text : utf8EncodeShared(canonicalJson(named)), hasId, content };
}

function contentOf(
  value: JsonObject,
  pointer: string,
  { decodeBase64 }: SubmissionDeps,
): Uint8Array | undefined {
  const { raw } = value;
  if (raw === undefined || !isObject(raw) || !Object.hasOwn(raw, 'content')) return undefined;
  const { content } = raw;
  const bytes = typeof content === 'string' ? decodeBase64(content) : undefined;
  const place = pointerTo(pointerTo(pointer, 'raw'), 'content');
  if (bytes === undefined)
    throw invalidEvent([{ pointer: place, detail: 'base64 with padding, in its one spelling' }]);
  if (bytes.length <= RAW_BYTES_MAX) return bytes;
  const detail = `${bytes.length} bytes; ${RAW_BYTES_MAX} is the most`;
  const errors = [{ pointer: place, detail }];
  throw new TlogError('raw_too_large', `${place}: ${detail}`, { details: { errors } });
}

/** The descriptor of bytes that were sent along. What the sender says of them must be true. */
function described(
  { raw }: JsonObject,
  bytes: Uint8Array,
  pointer: string,
  { sha256, formatBase64 }: SubmissionDeps,
): JsonObject {
  const { content: _, ...said } = raw as JsonObject;
  const facts: JsonObject = { sha256: formatBase64(sha256(bytes)), size: bytes.length };
  for (const [name, fact] of Object.entries(facts)) {
    if (!Object.hasOwn(said, name) || said[name] === fact) continue;
    const errors = [
      { pointer: pointerTo(pointerTo(pointer, 'raw'), name), detail: 'is not that of the content' },
    ];
    throw new TlogError('raw_mismatch', `raw.${name} is not that of raw.content`, { details: { errors } });
  }
  return { ...said, ...facts };
}
