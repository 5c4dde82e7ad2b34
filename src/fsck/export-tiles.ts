import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TlogError } from '../core/error.ts';
import { planGrowth } from '../core/tile/growth.ts';
import { formatBundlePath, formatTilePath } from '../core/tile/path.ts';
import { treeSize } from '../core/units.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';

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
  const folders = new Set<string>();
  const filesTotal = bundles.length + tiles.length + 1;
  let files = 0;
  const write = async (path: string, bytes: Uint8Array | undefined): Promise<void> => {
    signal?.throwIfAborted();
    if (bytes === undefined) throw new TlogError('storage_corrupt', `${path} is missing; run stele fsck`);
    await writeDurably(root, path, bytes, folders);
    files += 1;
    onProgress?.({ files, filesTotal });
  };
  for (const bundle of bundles) await write(formatBundlePath(bundle), await log.readBundle(bundle));
  for (const tile of tiles) await write(formatTilePath(tile), await log.readTile(tile));
  for (const path of folders) await syncFolder(path);
  await write('checkpoint', new TextEncoder().encode(head.note));
  await syncFolder(root);
  return head;
}

/** Written beside and renamed, so a crash leaves no half file under a tile's name. */
async function writeDurably(
  root: string,
  name: string,
  bytes: Uint8Array,
  folders: Set<string>,
): Promise<void> {
  const path = join(root, name);
  for (let at = dirname(path); !folders.has(at) && at.length >= root.length; at = dirname(at))
    folders.add(at);
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
