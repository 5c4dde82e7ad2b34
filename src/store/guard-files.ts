import { constants, statSync, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** An open file of a guard. */
export interface GuardFile {
  /** Resolves with the number of bytes written. In a file from `openNew` they are durable by then. */
  write(bytes: Uint8Array, at: number): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What the guard asks of a local filesystem: the seam where crashes and failing disks are simulated. Errors are
 * those of node:fs, with their `code`.
 */
export interface GuardFiles {
  /** Makes a folder and, if asked, those above it. Rejects with EEXIST unless asked. */
  mkdir(path: string, options: { readonly recursive?: boolean; readonly mode: number }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Buffer>;
  /** Makes a file that only its owner may read; every write is durable on return. Rejects with EEXIST. */
  openNew(path: string): Promise<GuardFile>;
  unlink(path: string): Promise<void>;
  /** Whether the name is there. Asked at once, not in the thread pool. */
  exists(path: string): boolean;
  /** Makes a folder's list of names durable. */
  syncFolder(path: string): Promise<void>;
}

/** A new file whose every write returns after its bytes are on the disk: one call does what write and fdatasync do. */
const NEW_SYNCED: number = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC;
/** The call by descriptor: a FileHandle's own costs a commit with one client a tenth of its time. */
const writeAt = promisify(write);

function guardFile(file: FileHandle): GuardFile {
  return {
    write: async (bytes, at) => (await writeAt(file.fd, bytes, 0, bytes.length, at)).bytesWritten,
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

/** The machine's own filesystem. */
export const nodeGuardFiles: GuardFiles = {
  mkdir,
  readdir: (path) => readdir(path),
  readFile: (path) => readFile(path),
  openNew: async (path) => guardFile(await open(path, NEW_SYNCED, 0o600)),
  unlink,
  // A name on a local filesystem costs 2 us, a turn of the pool twenty times that.
  exists: (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  syncFolder,
};

/** Makes a folder's list of names durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
