import { memoryOf, type PackedBytes, packBytes, unpackBytes } from '../runtime/packed-bytes.ts';
import type { Sent, Thread } from '../runtime/thread.ts';
import type { SealableEvent, SealDeps, SealedEvent } from './seal-event.ts';
import type { EventPlaces, Sealer } from './sealer.ts';
import type { SealQuestion } from './sealing-thread.ts';

/** The thread that seals. Its answers have five parts an event: entry, leaf hash, MAC, payload, verbatim bytes where there are. */
export type SealingThread = Thread<SealQuestion, PackedBytes>;

/** Its module. */
export const SEALING_MODULE: URL = new URL('./sealing-thread.js', import.meta.url);

/** Fewer bytes of events are sealed before another thread has woken up. */
const MANY_BYTES = 64 * 1024;

/** Seals many events in a thread of its own: meanwhile this one answers others. */
export class SealerBeside implements Sealer {
  readonly #thread: Pick<SealingThread, 'ask'>;
  readonly #deps: Pick<SealDeps, 'origin' | 'publicLabels'>;
  readonly #here: Sealer;

  /** @param here for few */
  constructor(
    thread: Pick<SealingThread, 'ask'>,
    { origin, publicLabels }: Pick<SealDeps, 'origin' | 'publicLabels'>,
    here: Sealer,
  ) {
    this.#thread = thread;
    this.#deps = { origin, publicLabels };
    this.#here = here;
  }

  async seal(events: readonly SealableEvent[], places: EventPlaces): Promise<readonly SealedEvent[]> {
    const bytes = events.reduce((sum, { text, content }) => sum + text.length + (content?.length ?? 0), 0);
    if (bytes < MANY_BYTES) return this.#here.seal(events, places);
    const parts = packBytes(
      events.flatMap(({ text, sent, content }) => [text, sent === text ? undefined : sent, content]),
    );
    const shown = this.#deps.publicLabels.length === 0 ? undefined : events.map(({ event }) => event);
    const value = { ...this.#deps, ...places, parts, shown };
    return sealedIn(await this.#thread.ask({ value, moved: memoryOf(parts) }));
  }
}

const [ASKED_PARTS, ANSWERED_PARTS] = [3, 5];

/** What the thread is asked to seal. */
export function eventsIn({ parts, shown }: SealQuestion): readonly SealableEvent[] {
  return inGroups(unpackBytes(parts), ASKED_PARTS).map(([text, sent = text, content], i) => {
    if (text === undefined || sent === undefined) throw new TypeError('an event without a text');
    return { event: shown?.[i] ?? {}, text, sent, content };
  });
}

/** What the thread answers. */
export function packSealed(sealed: readonly SealedEvent[]): Sent<PackedBytes> {
  const value = packBytes(
    sealed.flatMap(({ entry, leafHash, sameMac, payload, raw }) => [entry, leafHash, sameMac, payload, raw]),
  );
  return { value, moved: memoryOf(value) };
}

function sealedIn(packed: PackedBytes): readonly SealedEvent[] {
  return inGroups(unpackBytes(packed), ANSWERED_PARTS).map(([entry, leafHash, sameMac, payload, raw]) => {
    if (entry === undefined || leafHash === undefined || sameMac === undefined || payload === undefined)
      throw new TypeError('an event that was sealed in part');
    // The tree keeps an entry until its bundle is full: a view would keep all of the answer with it.
    return { entry: entry.slice(), leafHash, sameMac, payload, raw };
  });
}

function inGroups<T>(all: readonly T[], length: number): (readonly T[])[] {
  return Array.from({ length: all.length / length }, (_, i) => all.slice(length * i, length * (i + 1)));
}
