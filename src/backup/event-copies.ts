import { z } from 'zod';
import { formatBase64, parseBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import type { SeedRun } from '../events/seed-file.ts';

/** What a log of events stores of one event beside its leaf, encrypted: nobody reads it without the event's seed. */
export interface PayloadCopy {
  readonly index: number;
  /** The value of the payload row. */
  readonly payload: Uint8Array;
  /** Encrypted verbatim bytes that lie in a row. */
  readonly raw?: Uint8Array;
  /** Those that lie in a file of their own. */
  readonly file?: Uint8Array;
}

const index = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const payloadSchema = z.strictObject({
  index,
  payload: z.string(),
  raw: z.string().optional(),
  file: z.string().optional(),
});
const seedsSchema = z.strictObject({ start: index, seeds: z.string() });

/** As a member of an answer or a line of a file: bytes in base64. */
export function formatPayload({ index: at, payload, raw, file }: PayloadCopy): object {
  return {
    index: at,
    payload: formatBase64(payload),
    ...(raw === undefined ? {} : { raw: formatBase64(raw) }),
    ...(file === undefined ? {} : { file: formatBase64(file) }),
  };
}

/** @throws TlogError malformed_answer, malformed_base64 */
export function parsePayload(json: unknown): PayloadCopy {
  const { data } = payloadSchema.safeParse(json);
  if (data === undefined) throw new TlogError('malformed_answer', 'this is not the payload of an event');
  const { index: at, payload, raw, file } = data;
  return {
    index: at,
    payload: parseBase64(payload),
    ...(raw === undefined ? {} : { raw: parseBase64(raw) }),
    ...(file === undefined ? {} : { file: parseBase64(file) }),
  };
}

/** As a member of an answer or a line of a file: seeds in base64, one behind the other. */
export function formatSeeds({ start, seeds }: SeedRun): object {
  return { start, seeds: formatBase64(seeds) };
}

/** @throws TlogError malformed_answer, malformed_base64 */
export function parseSeeds(json: unknown): SeedRun {
  const { data } = seedsSchema.safeParse(json);
  const seeds = data === undefined ? new Uint8Array(0) : parseBase64(data.seeds);
  if (data === undefined || seeds.length === 0 || seeds.length % SEED_BYTES !== 0)
    throw new TlogError('malformed_answer', 'these are not the seeds of events');
  return { start: data.start, seeds };
}
