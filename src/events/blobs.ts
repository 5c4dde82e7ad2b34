import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { isGone, unread, unwritten, writeRefusal } from '../store/disk-error.ts';
import { syncFolder } from '../store/guard-files.ts';

/** Encrypted verbatim bytes that are too large for a row: one file an event, never shared, of a random name. */
export interface Blobs {
  /** Durable on return. @param name 16 random bytes @throws TlogError commit_unknown when the disk does not take it */
  write(name: Uint8Array, bytes: Uint8Array): Promise<void>;
  /** @throws TlogError storage_corrupt when it is gone, storage_unreadable when the disk does not give it */
  read(name: Uint8Array): Promise<Uint8Array>;
  /** Removes what no row names: what a commit that was lost has left. @throws TlogError not_writable, storage_unreadable */
  keepOnly(names: readonly Uint8Array[]): Promise<void>;
}

/** The folder `raw` of a log. */
export class BlobFolder implements Blobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(name: Uint8Array, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(name);
    await this.#write(path, bytes).catch((cause: unknown) => {
      throw unwritten(path, cause);
    });
  }

  /** Whether the folder was not there. Asked to make folders above it, too, node says ENOENT where the disk says that it is full. */
  async #make(): Promise<boolean> {
    try {
      await mkdir(this.#folder, { mode: 0o700 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const isMade = await this.#make();
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(this.#folder);
    if (isMade) await syncFolder(dirname(this.#folder));
  }

  async read(name: Uint8Array): Promise<Uint8Array> {
    const path = this.#pathOf(name);
    return readFile(path).catch((cause: unknown) => {
      if (!isGone(cause)) throw unread(path, cause);
      throw new TlogError('storage_corrupt', `the file ${path} is gone`, { cause });
    });
  }

  async keepOnly(names: readonly Uint8Array[]): Promise<void> {
    const kept = new Set(names.map(fileOf));
    for (const name of await namesIn(this.#folder)) if (!kept.has(name)) await this.#remove(name);
  }

  async #remove(name: string): Promise<void> {
    const path = join(this.#folder, name);
    await rm(path, { force: true }).catch((cause: unknown) => {
      const message = `${path} cannot be removed: ${(cause as Error).message}`;
      throw writeRefusal(path, cause, new TlogError('storage_unreadable', message, { cause }));
    });
  }

  #pathOf(name: Uint8Array): string {
    return join(this.#folder, fileOf(name));
  }
}

function fileOf(name: Uint8Array): string {
  return Buffer.from(name).toString('hex');
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unread(folder, error);
  }
}
