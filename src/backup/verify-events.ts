import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import { checkRaw, provenEvent } from '../events/open-event.ts';
import type { BackupLog, LogBackup } from './backup-folder.ts';
import type { PayloadCopy } from './event-copies.ts';

/** The events of a copy as they lie in its files. */
export interface EventsToVerify {
  readonly target: BackupLog;
  readonly facts: LogBackup;
  readonly origin: string;
  /** Events below have been opened by the run before. */
  readonly from: number;
  entryOf(index: number): Promise<Uint8Array>;
  readonly signal?: AbortSignal;
}

/**
 * Reads every file of payloads and seeds. Where there is a seed, its event must be there, open, and be what its leaf
 * commits to: a backup that says that it can be read can be.
 * @throws TlogError storage_corrupt naming the first that is wrong, malformed_answer for a damaged file of lines
 */
export async function verifyEvents(copy: EventsToVerify): Promise<void> {
  const { target, facts, from, signal } = copy;
  const payloads = target.payloads(facts);
  let payload = await nextOf(payloads);
  for await (const { start, seeds } of target.seeds(facts))
    for (let i = 0; i * SEED_BYTES < seeds.length; i += 1) {
      signal?.throwIfAborted();
      const index = start + i;
      while (payload !== undefined && payload.index < index) payload = await nextOf(payloads);
      if (payload?.index !== index) throw missing(index);
      if (index < from) continue;
      await verifyEvent(copy, payload, seeds.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES));
    }
  while (payload !== undefined) payload = await nextOf(payloads);
}

async function nextOf(payloads: AsyncGenerator<PayloadCopy>): Promise<PayloadCopy | undefined> {
  const { value, done } = await payloads.next();
  return done === true ? undefined : value;
}

async function verifyEvent(
  { origin, entryOf }: EventsToVerify,
  { index, payload, raw, file }: PayloadCopy,
  seed: Uint8Array,
): Promise<void> {
  const place = { origin, index, seed };
  const event = provenEvent(place, payload, await entryOf(index));
  const sealed = raw ?? file;
  if (sealed !== undefined) checkRaw(place, sealed, event);
}

function missing(index: number): TlogError {
  return new TlogError('storage_corrupt', `the payload of event ${index} is missing; run stele fsck`);
}
