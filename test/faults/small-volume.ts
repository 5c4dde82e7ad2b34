import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why no tmpfs can be mounted here, or undefined. In CI that is no excuse. */
export function mountMissing(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'stele-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder]);
    return undefined;
  } catch (error) {
    const reason = `no tmpfs can be mounted here: ${(error as Error).message}`;
    if (process.env['CI'] === 'true') return undefined;
    console.warn(`skipped: ${reason}`);
    return reason;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A volume in memory that a test fills; disposing unmounts it. */
export class SmallVolume implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param options as mount takes them: `size=24m`, `nr_inodes=50` */
  static async mount(path: string, options: string): Promise<SmallVolume> {
    await mkdir(path, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    return new SmallVolume(path);
  }

  async remount(options: string): Promise<void> {
    await run('mount', ['-o', `remount,${options}`, this.path]);
  }

  /** Fills it up with one file until so many bytes are left; the call that comes back removes the file. */
  async fill(leftBytes: number): Promise<() => Promise<void>> {
    const { bavail, bsize } = await statfs(this.path);
    const ballast = join(this.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
    return () => rm(ballast);
  }

  /** Takes every inode; the call that comes back gives them free. */
  async takeInodes(): Promise<() => Promise<void>> {
    const folder = await mkdtemp(join(this.path, 'inodes-'));
    for (let i = 0; ; i += 1) {
      const made = await writeFile(join(folder, `${i}`), '').then(
        () => true,
        () => false,
      );
      if (!made) return () => rm(folder, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', [this.path]);
  }
}
