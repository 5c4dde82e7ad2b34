import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import type { AuditEvent } from '../core/event/event.ts';
import { decodeLeaf } from '../core/event/leaf.ts';
import { encryptionKey } from '../events/event-keys.ts';
import { commitmentTo } from '../events/seal-event.ts';
import { openBytes, placeOf } from '../events/sealed-bytes.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import { decodePayload } from '../store/event-rows.ts';
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
      if (payload?.index !== index) throw wrong(index, 'is missing');
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
  const key = encryptionKey(nodeEventHasher, seed);
  const open = (sealed: Uint8Array): Uint8Array => {
    try {
      return openBytes({ key, place: placeOf(origin, index) }, sealed);
    } catch (cause) {
      throw wrong(index, 'does not open', cause);
    }
  };
  const event: AuditEvent = JSON.parse(utf8Decode(open(decodePayload(payload).sealed)) ?? '');
  const { commitment } = decodeLeaf(await entryOf(index));
  if (!equalBytes(commitmentTo(nodeEventHasher, event, seed), commitment))
    throw wrong(index, 'is not what its leaf commits to');
  const sealed = raw ?? file;
  if (sealed !== undefined && formatBase64(nodeEventHasher.sha256(open(sealed))) !== event.raw?.sha256)
    throw wrong(index, 'is not the record that its event describes');
}

function wrong(index: number, what: string, cause?: unknown): TlogError {
  return new TlogError('storage_corrupt', `the payload of event ${index} ${what}; run stele fsck`, { cause });
}
