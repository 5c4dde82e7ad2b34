import type { NewEvent } from '../events/seal-event.ts';
import { memoryOf, type PackedBytes, packBytes, unpackBytes } from '../runtime/packed-bytes.ts';
import type { Sent } from '../runtime/thread.ts';
import type { EventBody } from './event-bodies.ts';

/*
 * The events of a body on their way from the thread that has read them. A copy of each would take a twelfth of what reading it takes:
 * so texts are lists, one a member, and all bytes are in one piece.
 */

type Shown = NewEvent['event'];
type Column<Value> = readonly Value[];

export interface PackedEvents extends Omit<EventBody, 'events'> {
  readonly id: Column<string>;
  readonly hasId: Column<boolean>;
  readonly kind: Column<Shown['kind']>;
  readonly operation: Column<Shown['operation']>;
  readonly outcome: Column<Shown['outcome']>;
  /** The rest of a service is not looked at. */
  readonly serviceName: Column<string | undefined>;
  /** Four parts an event: key of its id, text, text as it was sent where that is another, verbatim bytes where there are. */
  readonly parts: PackedBytes;
}

const PARTS = 4;

/** @param events none of them is used here any more */
export function packEvents({ events, ...body }: EventBody): Sent<PackedEvents> {
  const parts = packBytes(
    events.flatMap(({ idKey, text, sent, content }) => [
      idKey,
      text,
      sent === text ? undefined : sent,
      content,
    ]),
  );
  const value = {
    ...{ ...body, parts },
    id: events.map(({ event }) => event.id),
    hasId: events.map(({ hasId }) => hasId),
    kind: events.map(({ event }) => event.kind),
    operation: events.map(({ event }) => event.operation),
    outcome: events.map(({ event }) => event.outcome),
    serviceName: events.map(({ event }) => event.service?.name),
  };
  return { value, moved: memoryOf(parts) };
}

/** What was packed. */
export function unpackEvents(packed: PackedEvents): EventBody {
  const { form, described, id, hasId } = packed;
  const parts = unpackBytes(packed.parts);
  const events = id.map((_, i): NewEvent => {
    const [idKey, text, sent = text, content] = parts.slice(PARTS * i, PARTS * (i + 1));
    if (idKey === undefined || text === undefined || sent === undefined)
      throw new TypeError('an event without a text or a key');
    return { event: shownOf(packed, i), text, sent, idKey, hasId: hasId[i] === true, content };
  });
  return { form, described, events };
}

function shownOf({ id, kind, operation, outcome, serviceName }: PackedEvents, i: number): Shown {
  const name = serviceName[i];
  return {
    id: id[i] as string,
    kind: kind[i],
    operation: operation[i],
    outcome: outcome[i],
    service: name === undefined ? undefined : { name },
  };
}
