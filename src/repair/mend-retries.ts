import { type InspectedEvents, inspectEventFiles } from '../events/event-files.ts';
import { decodeIndexes } from '../store/event-rows.ts';
import { rowName } from '../store/row-place.ts';
import { LETTER } from '../store/rows.ts';
import type { MendEventsDeps } from './mend-events.ts';
import { commitOrFail } from './repair-rows.ts';
import { tolerant } from './stored-tree.ts';
import { Counter } from './tally.ts';

/**
 * Takes retry keys of events that are damaged or not there from a source. A key is taken where it names events with seeds
 * alone: then it is compared with what they hold before it answers anybody (spec EVENT-13), so a wrong one can only refuse.
 */
export async function mendRetries(deps: MendEventsDeps): Promise<Counter> {
  const { folder, size, sources, rows, store, signal } = deps;
  const repaired = new Counter();
  await using events = await inspectEventFiles(folder, size);
  for (const source of sources)
    for await (const { key, value } of source.eventRows?.() ?? []) {
      signal?.throwIfAborted();
      if (key[0] !== LETTER.eventRetry || !isOfEvents(value, size, events)) continue;
      const row = await rows.read(key);
      if ('value' in row && isInTree(row.value, size)) continue;
      await commitOrFail(store, { puts: [{ key, value }], deletes: [] });
      repaired.add(rowName(key));
    }
  return repaired;
}

function isOfEvents(value: Uint8Array, size: number, { seeds }: InspectedEvents): boolean {
  const indexes = tolerant(() => decodeIndexes(value)) ?? [];
  return indexes.length > 0 && indexes.every((index) => index < size && seeds.has(index));
}

function isInTree(value: Uint8Array, size: number): boolean {
  return tolerant(() => decodeIndexes(value))?.every((index) => index < size) ?? false;
}
