import { access } from 'node:fs/promises';
import { lastLeaf } from '../backup/event-rows.ts';
import { TlogError } from '../core/error.ts';
import { eventPaths } from '../events/event-files.ts';
import { SeedFile } from '../events/seed-file.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { type PageRow, RowReader } from '../scrub/row-reader.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { eventIndexOf } from '../store/event-rows.ts';
import { rowName } from '../store/row-place.ts';
import { LETTER } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { mendEvents } from './mend-events.ts';
import { mendRetries } from './mend-retries.ts';
import { ProvenTree } from './proven-tree.ts';
import { commitOrFail } from './repair-rows.ts';
import { DerivedTiles, StoredTree } from './stored-tree.ts';
import { Counter } from './tally.ts';
import type { TreeSource } from './tree-source.ts';

export interface RepairEventsDeps {
  readonly rows: RowReader;
  readonly store: Pick<Store, 'commit' | 'lastError'>;
  readonly size: number;
  readonly signal?: AbortSignal;
}

/** Removes what a log of events stores of leaves beyond a tree: another event will get their indexes. */
export async function removeEventsBeyond({ rows, store, size, signal }: RepairEventsDeps): Promise<Counter> {
  const removed = new Counter();
  for (const letter of [LETTER.payload, LETTER.raw, LETTER.blob, LETTER.eventId, LETTER.eventRetry])
    for await (const page of rows.pages(letter, signal)) {
      const deletes = page.filter((row) => isBeyond(row, size)).map(({ key }) => key);
      if (deletes.length === 0) continue;
      await commitOrFail(store, { puts: [], deletes });
      for (const key of deletes) removed.add(rowName(key));
    }
  return removed;
}

/** A stopped log of events, its tree made right. */
export interface EventLogFiles {
  /** Folder of the log. */
  readonly root: string;
  readonly engine: Store;
  readonly manifest: LogManifest;
  readonly head: SignedHead;
  readonly sources: readonly TreeSource[];
}

/**
 * Makes ids, payloads, verbatim bytes, seeds and retry keys right as far as leaves and sources go. Leaves from `own` on came from a
 * source: their seeds are there as well, or they stay unreadable, and new seeds begin behind them.
 * @returns what was written @throws TlogError data_damaged where the files of secrets are not there, commit_unknown
 */
export async function repairEvents(
  log: EventLogFiles & { readonly own: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<readonly Counter[]> {
  const { root, engine, manifest, head, sources, own, signal } = log;
  const paths = eventPaths(root);
  const rows = new RowReader(engine);
  const stored = new StoredTree(nodeHasher, rows);
  const all = [stored, new DerivedTiles(nodeHasher, stored, 'tiles'), ...sources];
  const deps = {
    ...{
      origin: manifest.origin,
      rows,
      store: new CheckedStore(engine),
      size: head.size,
      folder: root,
      paths,
      sources,
    },
    tree: await ProvenTree.open(nodeHasher, all, head),
    ...(signal === undefined ? {} : { signal }),
  };
  if (await areSeedsElsewhere(paths.seeds, sources)) await SeedFile.create(paths.seeds, head.size);
  await SeedFile.giveUp(paths.seeds, head.size, own);
  return [await mendEvents(deps), await mendRetries(deps)];
}

/** Whether the file of seeds is gone, and a source has some. */
async function areSeedsElsewhere(path: string, sources: readonly TreeSource[]): Promise<boolean> {
  const isHere = await access(path).then(
    () => true,
    () => false,
  );
  if (isHere) return false;
  for (const source of sources) for await (const _ of source.seeds?.() ?? []) return true;
  return false;
}

/** A row that is damaged stays: it is found, and says nothing, when it is needed. */
function isBeyond(row: PageRow, size: number): boolean {
  const { key } = row;
  if (key[0] !== LETTER.eventId && key[0] !== LETTER.eventRetry) return eventIndexOf(key) >= size;
  try {
    return 'value' in row && lastLeaf(key, row.value) >= size;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
