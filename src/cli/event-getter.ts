import { canonicalJson, isObject } from '../core/encoding/canonical-json.ts';
import type { JsonObject } from '../core/encoding/strict-json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { readDisclosure } from '../core/event/disclosure.ts';
import { DISCLOSURE_LENGTH_MAX, parseDisclosure } from '../core/event/disclosure-file.ts';
import { isEventId } from '../core/event/names.ts';
import { UsageError } from './exit-code.ts';
import type { ReachedLog } from './log-access.ts';

/** Which event, and how much of it. */
export interface GetEventOptions {
  readonly tenant?: string;
  /** Names of slots with commas between: then what comes back is a disclosure. */
  readonly withhold?: string;
}

/** What is printed, and the same as JSON: a line each. */
export interface GotEvent {
  readonly text: string;
  readonly json: string;
}

/**
 * An event by index or id: its canonical text, or a disclosure of it, verified where the log is reached through a client.
 * @throws TlogError of the calls; malformed_answer for another event than the one that was asked for; UsageError for what can be neither
 */
export async function getEvent(
  { calls, client }: ReachedLog,
  name: string,
  { tenant, withhold }: GetEventOptions,
): Promise<GotEvent> {
  const query = new URLSearchParams({
    ...(tenant === undefined ? {} : { tenant }),
    // What is verified is a disclosure, where need be of the whole event.
    ...(withhold === undefined && client === undefined ? {} : { withhold: withhold ?? '' }),
  });
  // Ids have no character that is escaped in a path, and there each has one spelling (HTTP-23).
  if (!isEventId(name) && !/^[0-9]+$/.test(name)) throw new UsageError(`${name} can be no id of an event`);
  const path = `events/${name}${query.size === 0 ? '' : `?${query}`}`;
  const bytesMax = 4 * DISCLOSURE_LENGTH_MAX;
  if (!query.has('withhold')) return plainEvent((await calls.askFields({ path, bytesMax })).fields);
  const text = utf8Decode((await calls.ask({ path, bytesMax })).body) ?? '';
  const file = parseDisclosure(text);
  await client?.verifyDisclosure(file);
  const { leafIndex: index, receivedMs: received } = file.disclosure;
  const { event } = readDisclosure(file.disclosure);
  const isAsked = /^[0-9]+$/.test(name)
    ? Number(name) === index
    : // Where the core is withheld nobody can tell.
      event.id === undefined || (event.id === name && event.tenant === tenant);
  if (!isAsked) throw new TlogError('malformed_answer', 'the server answered with another event');
  if (withhold !== undefined) return { text, json: text };
  const line = canonicalJson(event as JsonObject);
  return { text: `${line}\n`, json: `${JSON.stringify({ index, received, event })}\n` };
}

function plainEvent(fields: unknown): GotEvent {
  const event = isObject(fields as JsonObject) ? (fields as JsonObject)['event'] : undefined;
  if (event === undefined || !isObject(event))
    throw new TlogError('malformed_answer', 'the server did not answer with an event');
  return { text: `${canonicalJson(event)}\n`, json: `${JSON.stringify(fields)}\n` };
}
