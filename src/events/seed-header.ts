import { crc32 } from 'node:zlib';
import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { SEED_BYTES } from '../core/event/commitment.ts';
import { isGone, unread, writeRefusal } from '../store/disk-error.ts';
import { readU64, writeU64 } from '../store/rows.ts';
import { type OpenSlotFile, openSlotFile, type SlotFile, type SlotFileUse, withCodes } from './slot-file.ts';

/* The header of a file of seeds: its gaps, with a check (spec/store.md STORE-14). */

const MAGIC = utf8Encode('stele/seeds/v1\0\0');
/** Seeds begin on a page of their own: each is overwritten in place when its event is erased. */
export const HEADER_BYTES = 4_096;
const CHECK_AT = HEADER_BYTES - 4;
const GAP_BYTES = 16;
/** Gaps that a header has room for. */
export const GAPS_MAX = 250;

/** Leaves [start, end) whose seeds are not in a file. */
export interface SeedGap {
  readonly start: number;
  readonly end: number;
}

/** Where the seed of a leaf lies in the file. */
export function placeOf(slot: number): number {
  return HEADER_BYTES + slot * SEED_BYTES;
}

/** The bytes of a header. */
export function headerOf(gaps: readonly SeedGap[]): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  writeU64(header, MAGIC.length, gaps.length);
  for (const [i, { start, end }] of gaps.entries()) {
    writeU64(header, MAGIC.length + 8 + i * GAP_BYTES, start);
    writeU64(header, MAGIC.length + 16 + i * GAP_BYTES, end);
  }
  new DataView(header.buffer).setUint32(CHECK_AT, crc32(header.subarray(0, CHECK_AT)));
  return header;
}

/**
 * A file of seeds that is there. Its failures have codes. @throws TlogError data_damaged when there is none; not_writable,
 * storage_unreadable when the disk does not give it
 */
export async function openFile(
  path: string,
  use: SlotFileUse,
  openWith: OpenSlotFile = openSlotFile,
): Promise<SlotFile> {
  const refuse = (cause: unknown): never => {
    if (isGone(cause)) throw damaged(`cannot read the seeds of events at ${path}`, cause);
    const refusal = unread(path, cause);
    throw refusal instanceof TlogError && use !== 'look' ? writeRefusal(path, cause, refusal) : refusal;
  };
  return withCodes(path, await openWith(path, use).catch(refuse));
}

/** The gaps in the header of a file. @throws TlogError data_damaged when it is none */
export async function gapsOf(file: SlotFile, path: string): Promise<readonly SeedGap[]> {
  const header = new Uint8Array(HEADER_BYTES);
  await file.read(header, 0);
  const count = Math.min(GAPS_MAX, readU64(header, MAGIC.length));
  const gaps = Array.from({ length: count }, (_, i) => ({
    start: readU64(header, MAGIC.length + 8 + i * GAP_BYTES),
    end: readU64(header, MAGIC.length + 16 + i * GAP_BYTES),
  }));
  if (Buffer.compare(header, headerOf(gaps)) === 0) return gaps;
  throw damaged(`${path} is not a file of seeds`);
}

/** Why a file of seeds cannot be used, and what to do. */
export function damaged(what: string, cause?: unknown): TlogError {
  const message = `${what}: put the file back, or restore a backup; payloads without their seeds cannot be read`;
  return new TlogError('data_damaged', message, { cause });
}
