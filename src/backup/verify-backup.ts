import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import type { TreeSize } from '../core/units.ts';
import { fsckLog } from '../fsck/fsck-log.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { contentHash } from '../sequencer/content-hash.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import type { BackupLog, LogBackup, Segment } from './backup-folder.ts';
import { verifyEvents } from './verify-events.ts';

/** A copy as it lies in its folder, and the head that it is to be right for. */
export interface CopyToVerify {
  readonly target: BackupLog;
  readonly manifest: LogManifest;
  readonly head: SignedHead;
  /** The copy that was there before: its head must lie on the same tree. */
  readonly before: LogBackup | undefined;
  readonly facts: LogBackup;
  /** Files of retry keys whose contents are to be hashed; of the others only the bytes are compared. */
  readonly fresh: readonly Segment[];
  readonly hasher: TreeHasher;
  readonly onProgress?: (part: 'entries', done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Re-hashes a copy from its files: every entry, tile, kept head, new retry key, and new event that can be opened.
 * @throws TlogError storage_corrupt naming the first that is wrong, malformed_answer for a damaged file of lines
 */
export async function verifyBackup(copy: CopyToVerify): Promise<void> {
  const { target, manifest, head, facts, hasher, onProgress, signal } = copy;
  const heads = headsOf(copy);
  const source = {
    head,
    readTile: target.tile.bind(target),
    readBundle: target.bundle.bind(target),
    keptHeads: (_from: TreeSize, limit: number) => heads.page(limit),
  };
  const { difference } = await fsckLog(source, {
    hasher,
    verifyHead: headVerifier({ origin: manifest.origin, vkeys: [manifest.vkey] }),
    onProgress: ({ entries, size }) => onProgress?.('entries', entries, size),
    ...(signal === undefined ? {} : { signal }),
  });
  if (difference !== undefined) {
    const message = `${difference.message}: remove what is wrong from ${target.path} and take the backup anew`;
    throw new TlogError('storage_corrupt', message);
  }
  const fresh = new Set(copy.fresh.map(({ file }) => file));
  const old = facts.retries.filter(({ file }) => !fresh.has(file));
  for await (const _ of target.retries({ ...facts, retries: old })) signal?.throwIfAborted();
  for await (const _ of target.eventRows(facts)) signal?.throwIfAborted();
  await verifyRetries(copy);
  await verifyNewEvents(copy);
}

/** Kept heads in pages; read forward only, as fsck does. */
function headsOf(copy: CopyToVerify): { page(limit: number): Promise<SignedHead[]> } {
  const ahead = withEarlier(copy);
  return {
    page: async (limit) => {
      const heads: SignedHead[] = [];
      while (heads.length < limit) {
        const { value } = await ahead.next();
        if (value === undefined) break;
        heads.push(value);
      }
      return heads;
    },
  };
}

/** The kept heads, and among them the head of the backup that was there before: all lie on one tree, or one of them is wrong. */
async function* withEarlier({ target, facts, before }: CopyToVerify): AsyncGenerator<SignedHead, undefined> {
  let earlier = before === undefined ? undefined : headOf(before.checkpoint);
  for await (const head of target.heads(facts)) {
    if (earlier !== undefined && earlier.size <= head.size) {
      yield earlier;
      earlier = undefined;
    }
    yield head;
  }
  if (earlier !== undefined) yield earlier;
  return undefined;
}

function headOf(note: string): SignedHead {
  return { ...parseCheckpoint(parseNote(note).text), note };
}

/** The content of each new retry key, from the entries that it names. */
async function verifyRetries({ target, head, facts, fresh, signal }: CopyToVerify): Promise<void> {
  const entriesOf = entryReader(target, head.size);
  for await (const retry of target.retries({ ...facts, retries: fresh })) {
    signal?.throwIfAborted();
    const entries = await entriesOf(retry.firstIndex, retry.firstIndex + retry.count);
    if (equalBytes(contentHash(entries), retry.contentHash)) continue;
    const key = Buffer.from(retry.key).toString('hex');
    throw new TlogError(
      'storage_corrupt',
      `retry key ${key} is of other entries than those it names; run stele repair`,
    );
  }
}

async function verifyNewEvents({
  target,
  manifest,
  head,
  before,
  facts,
  signal,
}: CopyToVerify): Promise<void> {
  const entriesOf = entryReader(target, head.size);
  await verifyEvents({
    ...{ target, facts, origin: manifest.origin },
    from: Math.min(before?.payloads?.end ?? 0, before?.seeds?.end ?? 0),
    entryOf: async (index) => (await entriesOf(index, index + 1))[0] ?? new Uint8Array(0),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Reads entries of the copy, with one bundle in memory. */
function entryReader(target: BackupLog, size: number): (start: number, end: number) => Promise<Uint8Array[]> {
  let kept: { readonly index: number; readonly entries: readonly Uint8Array[] } | undefined;
  const bundle = async (index: number): Promise<readonly Uint8Array[]> => {
    if (kept?.index === index) return kept.entries;
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bytes = await target.bundle({ index, width });
    if (bytes === undefined)
      throw new TlogError('storage_corrupt', `bundle ${index} is missing from ${target.path}`);
    kept = { index, entries: decodeBundle(bytes, { count: width }) };
    return kept.entries;
  };
  return async (start, end) => {
    const entries: Uint8Array[] = [];
    for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < end; index += 1) {
      const base = index * TILE_WIDTH;
      entries.push(...(await bundle(index)).slice(Math.max(0, start - base), end - base));
    }
    return entries;
  };
}
