import { maskedCrc32c } from './crc32c.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;

/** A record of a log or MANIFEST, or a part of one that lies in several blocks. */
export interface LogPart {
  readonly at: number;
  /** Whether its checksum holds. */
  readonly isSound: boolean;
  /** Whether no further part of its record follows. */
  readonly isLast: boolean;
  readonly bytes: Buffer;
}

/**
 * The parts of a log file in their order, sound or not. A wrong length leads nowhere: LevelDB goes on with the next
 * block, and so does this.
 * @see https://github.com/google/leveldb/blob/main/doc/log_format.md
 */
export function* logParts(log: Buffer): Generator<LogPart> {
  for (let at = 0; at + HEADER_BYTES <= log.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    const end = left < HEADER_BYTES ? at + left : at + HEADER_BYTES + log.readUInt16LE(at + 4);
    // Too short for a header: the filling at the end of a block. LevelDB takes zeros elsewhere for such, too.
    if (left >= HEADER_BYTES) {
      const isLast = log[at + 6] === FULL || log[at + 6] === LAST;
      yield { at, isSound: isSound(log, at, end), isLast, bytes: log.subarray(at + HEADER_BYTES, end) };
    }
    at = Math.min(end, at + left);
  }
}

const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

function isSound(log: Buffer, at: number, end: number): boolean {
  const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
  if (end > blockEnd || end > log.length || log[at + 6] === 0) return false;
  return maskedCrc32c(log.subarray(at + 6, end)) === log.readUInt32LE(at);
}

/** A log file that holds these records. */
export function logOfRecords(records: readonly Uint8Array[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (part: Buffer): void => {
    parts.push(part);
    at += part.length;
  };
  for (const record of records) {
    for (let done = 0, isFirst = true, isLast = false; !isLast; isFirst = false) {
      if (BLOCK_BYTES - (at % BLOCK_BYTES) < HEADER_BYTES)
        add(Buffer.alloc(BLOCK_BYTES - (at % BLOCK_BYTES)));
      const end = done + BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
      isLast = end >= record.length;
      add(partOf(typeOf(isFirst, isLast), record.subarray(done, end)));
      done = end;
    }
  }
  return Buffer.concat(parts);
}

function typeOf(isFirst: boolean, isLast: boolean): number {
  if (isFirst) return isLast ? FULL : FIRST;
  return isLast ? LAST : MIDDLE;
}

function partOf(type: number, bytes: Uint8Array): Buffer {
  const part = Buffer.concat([Buffer.alloc(HEADER_BYTES), bytes]);
  part.writeUInt16LE(bytes.length, 4);
  part.writeUInt8(type, 6);
  part.writeUInt32LE(maskedCrc32c(part.subarray(6)), 0);
  return part;
}
