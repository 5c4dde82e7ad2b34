import { open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';

/** Reads a private key, if nobody else can. @throws TlogError key_file_exposed, no_data */
export async function readKeyFile(path: string): Promise<string> {
  const { mode } = await stat(path).catch((cause: unknown) => {
    throw new TlogError('no_data', `no key at ${path}; restore it from where you keep it`, { cause });
  });
  // Modes are small bit sets, not sizes.
  if ((mode & 0o077) !== 0) {
    throw new TlogError(
      'key_file_exposed',
      `${path} can be read by others: run chmod 600 on it, and think whether to change the key`,
    );
  }
  return (await readFile(path, 'utf8')).trim();
}

/** Writes a private key to a new file that only its owner reads, durably. */
export async function writeKeyFile(path: string, skey: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${skey}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
