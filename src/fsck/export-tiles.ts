import { resolve } from 'node:path';
import { TlogError } from '../core/error.ts';
import { planGrowth } from '../core/tile/growth.ts';
import { formatBundlePath, formatTilePath } from '../core/tile/path.ts';
import { treeSize } from '../core/units.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';
import { DurableFiles } from './durable-files.ts';

/** What an export reads of a log. */
export type ExportSource = Pick<Log, 'publishedHead' | 'readTile' | 'readBundle'>;

export interface ExportOptions {
  /** Called after each file. */
  readonly onProgress?: (progress: { readonly files: number; readonly filesTotal: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes the published head's entry bundles, tiles and checkpoint as plain files (c2sp.org/tlog-tiles), each synced,
 * bundles first and the checkpoint last: whoever finds a checkpoint finds all that it speaks of. Gives back the head.
 * @throws TlogError storage_corrupt when the log lacks a tile of its head
 */
export async function exportTiles(
  log: ExportSource,
  folder: string,
  { onProgress, signal }: ExportOptions = {},
): Promise<SignedHead> {
  const root = resolve(folder);
  const head = log.publishedHead;
  const tiles = planGrowth(treeSize(0), head.size);
  const bundles = tiles.filter(({ level }) => level === 0);
  const files = new DurableFiles(root);
  const filesTotal = bundles.length + tiles.length + 1;
  let written = 0;
  const write = async (path: string, bytes: Uint8Array | undefined): Promise<void> => {
    signal?.throwIfAborted();
    if (bytes === undefined) throw new TlogError('storage_corrupt', `${path} is missing; run stele fsck`);
    await files.write(path, bytes);
    written += 1;
    onProgress?.({ files: written, filesTotal });
  };
  for (const bundle of bundles) await write(formatBundlePath(bundle), await log.readBundle(bundle));
  for (const tile of tiles) await write(formatTilePath(tile), await log.readTile(tile));
  await files.syncFolders();
  await write('checkpoint', new TextEncoder().encode(head.note));
  await files.syncFolders();
  return head;
}
