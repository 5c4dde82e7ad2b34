import { IdHasher } from '../events/event-keys.ts';
import { pooled } from '../events/random-pool.ts';
import { freshIds } from '../events/ulid.ts';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { answerQuestions } from '../runtime/thread.ts';
import { readEvents } from './event-bodies.ts';
import { packEvents } from './packed-events.ts';

/* The module of the thread that reads bodies of events: of others only its types are imported. */

/** What it is asked. */
export interface BodyQuestion {
  readonly body: Uint8Array;
  readonly isLines: boolean;
  /** That of the log. */
  readonly idSecret: Uint8Array;
}

const freshId = freshIds(systemClock.nowMs, pooled(systemRandom));

answerQuestions(async ({ body, isLines, idSecret }: BodyQuestion) => {
  // Only other bodies could have it, and all would be done as late as the last.
  const nextTurn = async (): Promise<void> => undefined;
  return packEvents(await readEvents(body, isLines, { ids: new IdHasher(idSecret), freshId, nextTurn }));
});
