import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { syncFolder } from '../store/guard-files.ts';

/** Encrypted verbatim bytes that are too large for a row: one file an event, never shared, of a random name. */
export interface Blobs {
  /** Durable on return. @param name 16 random bytes */
  write(name: Uint8Array, bytes: Uint8Array): Promise<void>;
  /** @throws TlogError storage_corrupt when it is gone */
  read(name: Uint8Array): Promise<Uint8Array>;
  /** Removes what no row names: what a commit that was lost has left. */
  keepOnly(names: readonly Uint8Array[]): Promise<void>;
}

/** The folder `raw` of a log. */
export class BlobFolder implements Blobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(name: Uint8Array, bytes: Uint8Array): Promise<void> {
    const made = await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = await open(this.#pathOf(name), 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(this.#folder);
    if (made !== undefined) await syncFolder(dirname(this.#folder));
  }

  async read(name: Uint8Array): Promise<Uint8Array> {
    return readFile(this.#pathOf(name)).catch((cause: unknown) => {
      throw new TlogError('storage_corrupt', `the file ${this.#pathOf(name)} cannot be read`, { cause });
    });
  }

  async keepOnly(names: readonly Uint8Array[]): Promise<void> {
    const kept = new Set(names.map(fileOf));
    for (const name of await namesIn(this.#folder))
      if (!kept.has(name)) await rm(join(this.#folder, name), { force: true });
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
    throw error;
  }
}
