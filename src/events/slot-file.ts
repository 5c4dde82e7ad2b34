import { constants, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { unread, unwritten } from '../store/disk-error.ts';

/** A file of fixed slots, as its owner uses it. Rejects, and throws, with what the disk says. */
export interface SlotFile {
  /** Fills `bytes` from a place on; how many were there. */
  read(bytes: Uint8Array, at: number): Promise<number>;
  /** As `read`, at once: for a few slots that are in memory as a rule. */
  readNow(bytes: Uint8Array, at: number): number;
  /** How many bytes were written; of a file that is extended, always at its end. They are durable after the next sync. */
  write(bytes: Uint8Array, at: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Bytes and length are durable on return. */
  sync(): Promise<void>;
  length(): Promise<number>;
  close(): Promise<void>;
}

/** `new`: it must not be there; the others: it must. What is extended is never written over, whoever else does so too. */
export type SlotFileUse = 'new' | 'change' | 'extend' | 'look';

/** Opens a file of slots. */
export type OpenSlotFile = (path: string, use: SlotFileUse) => Promise<SlotFile>;

const { O_APPEND, O_RDWR } = constants;
const FLAGS = { new: 'wx', change: 'r+', extend: O_RDWR + O_APPEND, look: 'r' } as const;

/** A file of the operating system, readable by its owner alone. */
export const openSlotFile: OpenSlotFile = async (path, use) => {
  const file = await open(path, FLAGS[use], 0o600);
  return {
    read: async (bytes, at) => (await file.read(bytes, 0, bytes.length, at)).bytesRead,
    readNow: (bytes, at) => readSync(file.fd, bytes, 0, bytes.length, at),
    write: async (bytes, at) => (await file.write(bytes, 0, bytes.length, at)).bytesWritten,
    truncate: (length) => file.truncate(length),
    // The length is what a slot behind the old end needs; of all else only the bytes.
    sync: () => file.datasync(),
    length: async () => (await file.stat()).size,
    close: () => file.close(),
  };
};

/** The same file, whose failures have codes: `storage_unreadable`, and `commit_unknown` of what was to be written. */
export function withCodes(path: string, file: SlotFile): SlotFile {
  const reading = (cause: unknown): never => {
    throw unread(path, cause);
  };
  const writing = (cause: unknown): never => {
    throw unwritten(path, cause);
  };
  return {
    read: (bytes, at) => file.read(bytes, at).catch(reading),
    readNow: (bytes, at) => {
      try {
        return file.readNow(bytes, at);
      } catch (cause) {
        return reading(cause);
      }
    },
    write: (bytes, at) => file.write(bytes, at).catch(writing),
    truncate: (length) => file.truncate(length).catch(writing),
    sync: () => file.sync().catch(writing),
    length: () => file.length().catch(reading),
    close: () => file.close(),
  };
}
