import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SIZE = '48m';

/** Why no ext4 can be made in a file and mounted here, or undefined. In CI that is no excuse. */
export function ext4Missing(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'stele-ext4-'));
  const image = join(folder, 'image');
  try {
    execFileSync('truncate', ['-s', SIZE, image], { stdio: 'pipe' });
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' });
    execFileSync('mount', ['-o', 'loop', image, folder], { stdio: 'pipe' });
    execFileSync('umount', [folder]);
    return undefined;
  } catch (error) {
    const reason = `no ext4 can be mounted here: ${(error as Error).message}`;
    if (process.env['CI'] === 'true') return undefined;
    console.warn(`skipped: ${reason}`);
    return reason;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A volume with a journal, in a file beside the folder that it is mounted on. Unlike a plain remount, which the kernel
 * refuses while a file is open for writing, its own errors make it read-only under whoever writes. Disposing unmounts it.
 */
export class Ext4Volume implements AsyncDisposable {
  readonly #path: string;
  readonly #image: string;

  private constructor(path: string) {
    this.#path = path;
    this.#image = `${path}.image`;
  }

  static async make(path: string): Promise<Ext4Volume> {
    const volume = new Ext4Volume(path);
    await mkdir(path, { recursive: true });
    await run('truncate', ['-s', SIZE, volume.#image]);
    await run('mkfs.ext4', ['-q', '-F', volume.#image]);
    await run('mount', ['-o', 'loop', volume.#image, path]);
    // A data directory must be empty when it is made.
    await rm(join(path, 'lost+found'), { recursive: true });
    return volume;
  }

  /** What the kernel does when the journal cannot be written: from now on every write fails with EROFS, also into open files. */
  async abort(): Promise<void> {
    await run('mount', ['-o', 'remount,abort', this.#path]);
  }

  /** Mounts it anew, writable, with what was synced. Nobody may have a file open there. */
  async mend(): Promise<void> {
    await run('umount', [this.#path]);
    await run('mount', ['-o', 'loop', this.#image, this.#path]);
  }

  /** Also while a server of a test that failed has files open: it lets go with its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['--lazy', this.#path]);
  }
}
