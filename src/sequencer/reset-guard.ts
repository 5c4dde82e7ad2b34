import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlogError } from '../core/error.ts';
import { type Checkpoint, formatCheckpoint, verifyCheckpoint } from '../core/note/checkpoint.ts';
import { formatNote, type NoteSignature, parseNote } from '../core/note/signed-note.ts';
import { createNoteVerifier, type NoteVerifier } from '../core/note/verifier.ts';
import type { TreeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { createFileGuard, readFileGuard } from '../store/file-guard.ts';
import type { GuardMark } from '../store/guard.ts';
import { syncFolder } from '../store/guard-files.ts';
import { LevelStore } from '../store/level-store.ts';
import { type DataDirectory, logPaths, readManifest } from './data-directory.ts';
import { checkAgainstGuard, loadTree } from './recovery.ts';
import { TileReader } from './tile-reader.ts';

/** What an operator accepts with a new guard: the head it will hold, and how much the data has. */
export interface AcceptedHead extends GuardMark {
  readonly dataSize: TreeSize;
}

/** A guard to be made anew. */
export interface GuardReset {
  readonly dir: DataDirectory;
  readonly name: string;
  /** A checkpoint of the log: the largest that anybody is known to have. */
  readonly note: Uint8Array;
  readonly clock: Clock;
  /** Called before anything is written. */
  onAccept(head: AcceptedHead): void;
}

/**
 * Makes the guard of a stopped log anew from a signed head, where the old one is missing or cannot be read; what is
 * left of it is moved aside. Heads above the accepted one are forgotten: that is what the operator answers for.
 * @throws TlogError data_exists when a guard is readable; guard_ahead, guard_conflict when note and data disagree;
 * the errors of verifyCheckpoint, of opening a log and of reading a guard that holds two histories
 */
export async function resetGuard({ dir, name, note, clock, onAccept }: GuardReset): Promise<void> {
  const { origin, vkey } = await readManifest(dir, name);
  const paths = logPaths(dir, name);
  const mark = await markOf(note, origin, createNoteVerifier(vkey, ed25519Verify));
  await refuseReadable(paths.guard);
  const level = await LevelStore.open(paths.db);
  try {
    onAccept({ ...mark, dataSize: await compareWithData(new CheckedStore(level), mark) });
    const nowMs = clock.nowMs();
    await moveAside(paths.guard, `${paths.guard}.replaced-${nowMs}`);
    // Far above any number that a process still running on a copy may own: it finds its file gone, and ends.
    await createFileGuard(paths.guard, mark, { number: nowMs });
  } finally {
    await level.close();
  }
}

/** The head of a note, with the log's own signature line alone, as the log itself would have written it. */
async function markOf(note: Uint8Array, origin: string, verifier: NoteVerifier): Promise<GuardMark> {
  const checkpoint: Checkpoint = await verifyCheckpoint(note, { origin, logVerifiers: [verifier] });
  const { size, rootHash } = checkpoint;
  const { text, signatures } = parseNote(note);
  if (text !== formatCheckpoint({ origin, size, rootHash, extensions: [] }))
    throw new TlogError('malformed_checkpoint', 'the note has lines that this log never signs');
  const [own] = signatures.filter(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId);
  // A verified note has a line of the one key that it was verified with.
  return { size, rootHash, note: formatNote(text, [own as NoteSignature]) };
}

async function refuseReadable(folder: string): Promise<void> {
  try {
    const { size } = await readFileGuard(folder);
    throw new TlogError(
      'data_exists',
      `the guard at ${folder} is readable and holds size ${size}; a guard that can be read is never replaced`,
    );
  } catch (error) {
    const { code } = error as Partial<TlogError>;
    if (code !== 'guard_missing' && code !== 'guard_unreadable') throw error;
  }
}

async function compareWithData(store: CheckedStore, mark: GuardMark): Promise<TreeSize> {
  const tiles = new TileReader(store, nodeHasher);
  const state = await loadTree(nodeHasher, store, tiles);
  await checkAgainstGuard(nodeHasher, tiles, state, mark);
  return state.size;
}

async function moveAside(folder: string, aside: string): Promise<void> {
  try {
    await rename(folder, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await syncFolder(dirname(folder));
}
