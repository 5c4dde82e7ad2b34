import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import { type TreeSize, treeSize } from '../core/units.ts';
import { corruptRow, decodedRow } from '../store/corrupt-row.ts';
import { decodeKept, keptKey, keptRange, keptSize, missingBefore } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { SignedHead } from './log.ts';
import type { PublishedTree } from './sequencer.ts';

/** A kept head from its note. */
export function keptHeadOf(note: Uint8Array): SignedHead {
  const text = Buffer.from(note).toString('utf8');
  const { size, rootHash } = parseCheckpoint(parseNote(text).text);
  return { size: treeSize(size), rootHash, note: text };
}

/**
 * The kept heads below the head of a tree, from a size on and at most `limit`: all of them, as the links say (spec STORE-12).
 * @throws TlogError storage_corrupt where one is damaged or gone
 */
export async function readKeptHeads(
  store: Pick<Store, 'iterate'>,
  { head, state }: PublishedTree,
  from: TreeSize,
  limit: number,
): Promise<SignedHead[]> {
  const found: SignedHead[] = [];
  let end: number = from;
  for await (const [key, value] of store.iterate({ ...keptRange(from, head.size), limit })) {
    const { keptEnd, note } = decodeKept(value);
    refuseGap(end, keptEnd);
    end = keptSize(key) + 1;
    found.push(decodedRow(key, note, keptHeadOf));
  }
  if (found.length < limit) refuseGap(end, state.keptEnd);
  return found;
}

function refuseGap(end: number, keptEnd: number): void {
  const missing = missingBefore(end, keptEnd);
  if (missing === undefined) return;
  throw corruptRow(keptKey(missing), 'is missing');
}

/**
 * Kept heads and the present ones, by ascending size from `from` on and at most `limit`. Of one size the present head counts:
 * it may have more signatures.
 */
export function withHeads(
  kept: readonly SignedHead[],
  present: readonly SignedHead[],
  { from, limit }: { readonly from: TreeSize; readonly limit: number },
): readonly SignedHead[] {
  const bySize = new Map(kept.map((head) => [head.size, head]));
  for (const head of [...present].reverse()) if (head.size >= from) bySize.set(head.size, head);
  return [...bySize.values()].sort((a, b) => a.size - b.size).slice(0, limit);
}
