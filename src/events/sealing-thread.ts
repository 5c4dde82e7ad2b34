import { nodeEventHasher } from '../runtime/event-hasher.ts';
import type { PackedBytes } from '../runtime/packed-bytes.ts';
import { systemRandom } from '../runtime/random.ts';
import { answerQuestions } from '../runtime/thread.ts';
import { pooled } from './random-pool.ts';
import type { SealableEvent, SealDeps } from './seal-event.ts';
import { type EventPlaces, SealerHere } from './sealer.ts';
import { eventsIn, packSealed } from './sealer-beside.ts';

/* The module of the thread that seals events: of others only its types are imported. */

/** What it is asked. */
export interface SealQuestion extends Pick<SealDeps, 'origin' | 'publicLabels'>, EventPlaces {
  /** Three parts an event: text, text as it was sent where that is another, verbatim bytes where there are. */
  readonly parts: PackedBytes;
  /** The members that leaves show; undefined where they show none. */
  readonly shown: readonly SealableEvent['event'][] | undefined;
}

const random = pooled(systemRandom);
// Nobody waits for a turn here.
const nextTurn = async (): Promise<void> => undefined;

answerQuestions(async (question: SealQuestion) => {
  const { origin, publicLabels, ...places } = question;
  const sealer = new SealerHere({ hasher: nodeEventHasher, random, origin, publicLabels }, { nextTurn });
  return packSealed(await sealer.seal(eventsIn(question), places));
});
