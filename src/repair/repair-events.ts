import { lastLeaf } from '../backup/event-rows.ts';
import { TlogError } from '../core/error.ts';
import type { PageRow, RowReader } from '../scrub/row-reader.ts';
import { eventIndexOf } from '../store/event-rows.ts';
import { rowName } from '../store/row-place.ts';
import { LETTER } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { commitOrFail } from './repair-rows.ts';
import { Counter } from './tally.ts';

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
