import { createHash } from 'node:crypto';
import { treeSize } from '../core/units.ts';
import type { GuardMark } from './guard.ts';

/** Bytes of one slot: a page, so that writing one cannot touch the other. */
export const SLOT_BYTES = 4096;
const MAGIC = Buffer.from('stele-g1');
const HEADER_BYTES = MAGIC.length + 8 + 32 + 2;
const CHECK_BYTES = 32;
/** Longest note that fits a slot. */
export const GUARD_NOTE_BYTES_MAX: number = SLOT_BYTES - HEADER_BYTES - CHECK_BYTES;

/** One slot: magic, u64 size, root, u16 length, note, zeros, SHA-256 of all before it. Spec GUARD-2. */
export function encodeSlot(mark: GuardMark): Buffer {
  const note = Buffer.from(mark.note);
  if (note.length > GUARD_NOTE_BYTES_MAX) throw new RangeError(`guard note of ${note.length} bytes`);
  const slot = Buffer.alloc(SLOT_BYTES);
  MAGIC.copy(slot);
  slot.writeBigUInt64BE(BigInt(mark.size), 8);
  slot.set(mark.rootHash, 16);
  slot.writeUInt16BE(note.length, 48);
  note.copy(slot, HEADER_BYTES);
  check(slot).copy(slot, SLOT_BYTES - CHECK_BYTES);
  return slot;
}

/** The mark in a slot; undefined when the slot was never or only half written. */
export function decodeSlot(slot: Buffer): GuardMark | undefined {
  if (slot.length !== SLOT_BYTES || !slot.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (!slot.subarray(SLOT_BYTES - CHECK_BYTES).equals(check(slot))) return undefined;
  const noteEnd = HEADER_BYTES + slot.readUInt16BE(48);
  return {
    size: treeSize(Number(slot.readBigUInt64BE(8))),
    rootHash: new Uint8Array(slot.subarray(16, 48)),
    note: slot.toString('utf8', HEADER_BYTES, noteEnd),
  };
}

function check(slot: Buffer): Buffer {
  return createHash('sha256')
    .update(slot.subarray(0, SLOT_BYTES - CHECK_BYTES))
    .digest();
}
