import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { TlogError } from '../core/error.ts';
import { writeFailure } from '../store/disk-error.ts';
import { syncFolder } from '../store/guard-files.ts';

/** Writes files below one folder so that a crash leaves no half file under a name that counts. */
export class DurableFiles {
  readonly #root: string;
  /** Folders whose lists of names are not durable yet. */
  readonly #unsynced = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Written beside and renamed; the bytes are durable on return, the name after syncFolders. A symbolic link under the
   * name is replaced, never followed. @param mode of the file, less what the umask takes @throws TlogError data_exists when a folder on the way leads out of the root,
   * not_writable, commit_unknown as the disk says
   */
  async write(name: string, bytes: Uint8Array | string, mode = 0o666): Promise<void> {
    const path = join(this.#root, name);
    await this.#write(path, bytes, mode).catch((cause: unknown) => {
      throw writeFailure(path, cause);
    });
  }

  async #write(path: string, bytes: Uint8Array | string, mode: number): Promise<void> {
    for (let at = dirname(path); !this.#unsynced.has(at) && at.length >= this.#root.length; at = dirname(at))
      this.#unsynced.add(at);
    await mkdir(dirname(path), { recursive: true });
    await this.#checkInside(dirname(path));
    // What lies there was left by a run that was cut short, or is a link to somebody's file.
    await rm(`${path}.new`, { force: true });
    const file = await open(`${path}.new`, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  async #checkInside(folder: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(folder)]);
    if (real === root || real.startsWith(`${root}${sep}`)) return;
    throw new TlogError(
      'data_exists',
      `${folder} leads out of ${this.#root}: there is a symbolic link on the way`,
    );
  }

  /** Makes every name written so far durable. @throws TlogError commit_unknown, not_writable */
  async syncFolders(): Promise<void> {
    for (const path of this.#unsynced)
      await syncFolder(path).catch((cause: unknown) => {
        throw writeFailure(path, cause);
      });
    this.#unsynced.clear();
  }
}
