import { parseShallowJson } from '../core/encoding/json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import type { Heard } from './running-monitor.ts';

/** Notes in one request. */
export const GOSSIP_NOTES_MAX = 100;
/** Of a request. Has room for the longest note there is: in JSON each of its 1,000,000 bytes is two at most. */
export const GOSSIP_BYTES_MAX: number = 2 * 1024 * 1024;
/** Of the notes in a request, and of those in an answer, as JSON. */
export const GOSSIP_NOTES_BYTES_MAX: number = GOSSIP_BYTES_MAX - 1_024;
/** Of the evidence in an answer: has room for that of the two longest notes. */
const EVIDENCE_BYTES_MAX = 4_100_000;
/** Of an answer, in whose JSON each byte of evidence is two at most. */
export const GOSSIP_ANSWER_BYTES_MAX: number = 12 * 1024 * 1024;

/** What one note came to. `code` says why it was refused. */
export type GossipResult = Heard | { readonly code: string };

/**
 * Takes the results of one answer in their order, and leaves evidence out once there is no more room: a log signs as many forks as it
 * likes, and the first convicts it.
 */
export function withinAnswer(): (result: GossipResult) => GossipResult {
  let left = EVIDENCE_BYTES_MAX;
  return (result) => {
    if (!('evidence' in result)) return result;
    const { evidence = '', ...rest } = result;
    left -= Buffer.byteLength(evidence);
    return left >= 0 ? result : rest;
  };
}

/** What a monitor answers: each note in its order, and the heads it has verified itself. Nothing of a peer's is believed. */
export interface GossipAnswer {
  readonly results: readonly { readonly evidence?: string }[];
  readonly checkpoints: readonly string[];
}

/** The notes in the body of a POST. @throws TlogError invalid_json */
export function parseGossip(body: Uint8Array): readonly string[] {
  try {
    return notesOf(fieldsOf(parseShallowJson(utf8Decode(body) ?? '')));
  } catch (cause) {
    const why = (cause as Error).message;
    throw new TlogError(
      'invalid_json',
      `send {"checkpoints":["note", …]}, at most ${GOSSIP_NOTES_MAX}: ${why}`,
      { cause },
    );
  }
}

/** The answer of a peer. @throws TlogError malformed_answer */
export function parseGossipAnswer(body: Uint8Array): GossipAnswer {
  try {
    const { results, ...fields } = fieldsOf(parseShallowJson(utf8Decode(body) ?? ''));
    if (!Array.isArray(results) || results.length > GOSSIP_NOTES_MAX) throw new TypeError('no results');
    return { results: results.map(resultOf), checkpoints: notesOf(fields) };
  } catch (cause) {
    throw new TlogError('malformed_answer', `not an answer to gossip: ${(cause as Error).message}`, {
      cause,
    });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('no JSON object');
  return value as Fields;
}

function notesOf({ checkpoints }: Fields): readonly string[] {
  if (!Array.isArray(checkpoints)) throw new TypeError('checkpoints is no list');
  if (checkpoints.length > GOSSIP_NOTES_MAX) throw new TypeError(`${checkpoints.length} notes`);
  return checkpoints.map((note: unknown) => {
    if (typeof note !== 'string') throw new TypeError('a checkpoint is no text');
    return note;
  });
}

function resultOf(value: unknown): { readonly evidence?: string } {
  const { evidence } = fieldsOf(value);
  return typeof evidence === 'string' ? { evidence } : {};
}
