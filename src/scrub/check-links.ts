import type { Damage } from '../sequencer/finding.ts';
import { rowName, rowPlace } from '../store/row-place.ts';
import { decodeKept, keptKey, missingBefore } from '../store/rows.ts';
import type { PageRow } from './row-reader.ts';

/**
 * Keys of kept heads that are gone: the head behind each names it (spec STORE-12), or the state names the newest.
 * @param after key of the last row before the page, undefined: none
 * @param lastEnd what the state says of the newest kept head, where the page is the last one; else 0
 */
export function missingHeads(
  page: readonly PageRow[],
  after: Uint8Array | undefined,
  lastEnd: number,
): readonly Uint8Array[] {
  const missing: (number | undefined)[] = [];
  let end = after === undefined ? 0 : endOf(after);
  for (const row of page) {
    if ('value' in row) missing.push(missingBefore(end, decodeKept(row.value).keptEnd));
    end = endOf(row.key);
  }
  missing.push(missingBefore(end, lastEnd));
  return missing.filter((size) => size !== undefined).map(keptKey);
}

/** One more than the size of a kept head; 0 for a key that is none. */
export function endOf(key: Uint8Array): number {
  return (rowPlace(key).index ?? -1) + 1;
}

/** What is wrong with a list of kept heads that has gaps. */
export function gapDamages(missing: readonly Uint8Array[]): readonly Damage[] {
  return missing.map((row) => ({ row, message: `${rowName(row)} is missing` }));
}
