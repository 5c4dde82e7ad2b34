import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './guard-files.ts';

/** Writes a small file so that a crash leaves the old or the new one, never half of it. */
export async function writeFileDurably(path: string, text: string, mode = 0o600): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
}
