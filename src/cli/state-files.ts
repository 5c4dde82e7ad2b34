import { TlogError } from '../core/error.ts';
import { verifyCheckpoint } from '../core/note/checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import type { DirectoryDifference } from '../scrub/check-directory.ts';
import { type DataDirectory, logPaths, readManifest } from '../sequencer/data-directory.ts';
import { findingFile } from '../sequencer/finding-file.ts';
import { damagedFile, publishedFile } from '../witnessing/published-file.ts';
import { readTokens } from './token-file.ts';

/**
 * The first file beside the database of a log that cannot be used: its tokens, open findings or published head (spec
 * FSCK-5). A bad `scrub.json` begins a pass anew and is no difference. @throws TlogError as readManifest, storage_unreadable
 */
export async function wrongStateFile(
  dir: DataDirectory,
  name: string,
): Promise<DirectoryDifference | undefined> {
  const { root } = logPaths(dir, name);
  const uses = [
    () => readTokens(dir.dataPath),
    () => findingFile(root).read(),
    () => checkPublished(dir, name),
  ];
  for (const use of uses) {
    const wrong = await use().then(() => undefined, refusal);
    if (wrong !== undefined) return { part: 'file', index: 0, message: wrong.message };
  }
  return undefined;
}

async function checkPublished(dir: DataDirectory, name: string): Promise<void> {
  const { origin, vkey } = await readManifest(dir, name);
  const { root } = logPaths(dir, name);
  const notes = await publishedFile(root).read();
  const logVerifiers = [createNoteVerifier(vkey, ed25519Verify)];
  for (const note of notes === undefined ? [] : [notes.published, notes.witnessed ?? notes.published])
    await verifyCheckpoint(note, { origin, logVerifiers }).catch((cause: unknown) => {
      throw damagedFile(`${root}/published.json`, 'holds a head that the log has not signed', cause);
    });
}

/** What the disk does not give is not known to be wrong: nothing was checked then. */
function refusal(error: unknown): TlogError {
  if (error instanceof TlogError && error.code !== 'storage_unreadable') return error;
  throw error;
}
