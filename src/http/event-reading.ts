import { systemClock } from '../runtime/clock.ts';
import type { Thread } from '../runtime/thread.ts';
import type { EventLog } from '../sequencer/log.ts';
import { type EventBody, readEvents } from './event-bodies.ts';
import { type PackedEvents, unpackEvents } from './packed-events.ts';
import type { BodyQuestion } from './reading-thread.ts';

/** Reads the events of a body for a log. The body is not used afterwards. @throws TlogError as readEvents */
export type EventReading = (
  body: Uint8Array,
  isLines: boolean,
  log: Pick<EventLog, 'ids' | 'freshId'>,
) => Promise<EventBody>;

/** In this thread, giving way to other work. */
export const readHere: EventReading = (body, isLines, { ids, freshId }) =>
  readEvents(body, isLines, { ids, freshId, nextTurn: systemClock.nextTurn });

/** The thread that reads bodies of events. */
export type ReadingThread = Thread<BodyQuestion, PackedEvents>;

/** Its module. */
export const READING_MODULE: URL = new URL('./reading-thread.js', import.meta.url);

/** A shorter body is read before another thread has woken up. */
const LONG_BYTES = 32 * 1024;

/** In a thread of its own, where a body is long: so this one has time for the commit of those before. */
export function readBeside(thread: Pick<ReadingThread, 'ask'>): EventReading {
  return async (body, isLines, log) => {
    if (body.length < LONG_BYTES) return readHere(body, isLines, log);
    const value = { body, isLines, idSecret: log.ids.secret };
    return unpackEvents(await thread.ask({ value, moved: wholeMemoryOf(body) }));
  };
}

/** What a body shares with others is copied. */
function wholeMemoryOf({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
