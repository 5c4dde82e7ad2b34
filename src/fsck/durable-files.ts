import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../store/guard-files.ts';

/** Writes files below one folder so that a crash leaves no half file under a name that counts. */
export class DurableFiles {
  readonly #root: string;
  /** Folders whose lists of names are not durable yet. */
  readonly #unsynced = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Written beside and renamed; the bytes are durable on return, the name after syncFolders. */
  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    const path = join(this.#root, name);
    for (let at = dirname(path); !this.#unsynced.has(at) && at.length >= this.#root.length; at = dirname(at))
      this.#unsynced.add(at);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(`${path}.new`, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  /** Makes every name written so far durable. */
  async syncFolders(): Promise<void> {
    for (const path of this.#unsynced) await syncFolder(path);
    this.#unsynced.clear();
  }
}
