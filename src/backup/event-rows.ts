import { z } from 'zod';
import { parseHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { decodeIndexes, eventIdKey, eventRetryKey } from '../store/event-rows.ts';
import { decodeIndex, LETTER } from '../store/rows.ts';

/** A row by which a log of events knows what was sent before: an id, or the key of a request. */
export interface KnownEventRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The last leaf that it names. */
  readonly last: number;
}

const rowSchema = z.strictObject({
  id: z.string().length(64).optional(),
  retry: z.string().length(64).optional(),
  value: z.string(),
});

/** As a member of an answer or a line of a file: bytes in hex. */
export function formatEventRow({ key, value }: Omit<KnownEventRow, 'last'>): object {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const name = key[0] === LETTER.eventId ? 'id' : 'retry';
  return { [name]: hex(key.subarray(1)), value: hex(value) };
}

/** @throws TlogError malformed_answer */
export function parseEventRow(json: unknown): KnownEventRow {
  const { success, data } = rowSchema.safeParse(json);
  const hash = data?.id ?? data?.retry;
  if (!success || hash === undefined || (data.id !== undefined && data.retry !== undefined))
    throw new TlogError('malformed_answer', 'this is not an id or a retry key of events');
  const [bytes, value] = [parseHex(hash, 32), Buffer.from(data.value, 'hex')];
  const key = data.id === undefined ? eventRetryKey(bytes) : eventIdKey(bytes);
  return { key, value, last: lastLeaf(key, value) };
}

/** The last leaf that a row names. @throws TlogError storage_corrupt */
export function lastLeaf(key: Uint8Array, value: Uint8Array): number {
  return key[0] === LETTER.eventId ? decodeIndex(value) : Math.max(...decodeIndexes(value));
}
