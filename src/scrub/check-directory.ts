import { TlogError } from '../core/error.ts';
import { inspectEventFiles } from '../events/event-files.ts';
import { readKeyFile } from '../keys/key-file.ts';
import { createSigner } from '../keys/signer.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { type DataDirectory, logPaths, readManifest } from '../sequencer/data-directory.ts';
import type { Damage } from '../sequencer/finding.ts';
import type { InspectedLog } from '../sequencer/inspect-log.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { damagedFile } from '../store/level-files.ts';
import { type RowPart, rowPlace } from '../store/row-place.ts';
import { LogPass, newPass } from './pass.ts';

/** The first thing that is wrong. `index` is an offset in a file, or that of the row; 0 where it has none. */
export interface DirectoryDifference {
  readonly part: 'file' | 'key' | 'memory' | 'entry' | RowPart;
  readonly index: number;
  /** Tile level; only of a tile. */
  readonly level?: number;
  readonly message: string;
}

/** What a look at all rows came to. */
export interface CheckedRows {
  readonly difference?: DirectoryDifference;
  /** Events whose secrets are not here: they are proven, and nothing of them was opened. */
  readonly eventsUnavailable?: number;
}

/**
 * The files of a stopped log before LevelDB opens them: its own checksums, and that the key is the one of the log.
 * @throws TlogError no_data, schema_unsupported, invalid_config, and those of damagedFile
 */
export async function checkFiles(dir: DataDirectory, name: string): Promise<DirectoryDifference | undefined> {
  const { vkey } = await readManifest(dir, name);
  const paths = logPaths(dir, name);
  const wrongKey = await keyDifference(paths.key, vkey);
  if (wrongKey !== undefined) return { part: 'key', index: 0, message: wrongKey };
  const found = await damagedFile(paths.db);
  if (found === undefined) return undefined;
  return { part: 'file', index: found.offset, message: `${paths.db}/${found.file}: ${found.message}` };
}

async function keyDifference(path: string, vkey: string): Promise<string | undefined> {
  try {
    return createSigner(await readKeyFile(path)).vkey === vkey
      ? undefined
      : `${path} is the key of another log`;
  } catch (error) {
    if (error instanceof TlogError) return `${path}: ${error.message}`;
    throw error;
  }
}

/** Every row of a stopped log, by its check and by what it says: those that no tile or entry depends on, too. */
export function checkRows(dir: DataDirectory, log: InspectedLog): Promise<CheckedRows> {
  return withEvents(dir, log, firstWrong);
}

/** Does something with all that a stopped log has stored. @throws TlogError data_damaged */
export async function withEvents<T>(
  dir: DataDirectory,
  log: InspectedLog,
  use: (stored: StoredLog) => Promise<T>,
): Promise<T> {
  const stored = await log.stored();
  if (stored.kind === 'entries') return use(stored);
  await using events = await inspectEventFiles(logPaths(dir, log.name).root, stored.tree().state.size);
  return await use({ ...stored, events });
}

async function firstWrong(stored: StoredLog): Promise<CheckedRows> {
  const { state } = stored.tree();
  const pass = new LogPass(stored, nodeHasher);
  for (let at = newPass(state.size, 0); ; ) {
    const { damages, next, isLast } = await pass.step(at);
    const [first] = damages;
    if (first !== undefined) {
      return { difference: { index: 0, ...placeOf(first), message: first.message } };
    }
    const { eventsUnavailable } = next;
    if (isLast) return eventsUnavailable === undefined ? {} : { eventsUnavailable };
    at = next;
  }
}

function placeOf({ row, entry }: Damage): Pick<DirectoryDifference, 'part'> & { readonly index?: number } {
  if (row !== undefined) return rowPlace(row);
  return entry === undefined ? { part: 'memory' } : { part: 'entry', index: entry };
}
