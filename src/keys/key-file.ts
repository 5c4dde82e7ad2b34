import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';

/**
 * The skey in a key file.
 * @throws TlogError key_missing when it cannot be read, key_file_exposed when group or others have any right to it
 */
export async function readKeyFile(path: string): Promise<string> {
  const unreadable = (cause: unknown): never => {
    throw new TlogError('key_missing', `cannot read the key file ${path}: put it back`, { cause });
  };
  const file = await open(path, 'r').catch(unreadable);
  try {
    // Asked of the open file, so that what is checked is what is read.
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      const message = `others may reach the key file ${path}: run chmod 600 on it, and consider the key known`;
      throw new TlogError('key_file_exposed', message, { details: { path } });
    }
    return (await file.readFile('utf8').catch(unreadable)).replace(/\n$/, '');
  } finally {
    await file.close();
  }
}

/** Writes a new key file, mode 0600, durable with its name on return. An existing file is never replaced (EEXIST). */
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
