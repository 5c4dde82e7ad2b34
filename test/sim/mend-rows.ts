import { decodeBundle } from '../../src/core/tile/bundle.ts';
import { leafIndex } from '../../src/core/units.ts';
import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { decodeIndexes, eventIndexOf } from '../../src/store/event-rows.ts';
import { decodeState, encodeIndex, keptSize, leafKey, STATE_KEY } from '../../src/store/rows.ts';
import type { Batch, Disk } from './disk.ts';
import type { Engine } from './engine.ts';
import { leafHash } from './hasher.ts';
import { keyText, type Rows } from './rows.ts';

/**
 * What a repair makes right that a hole in the log file took though the tree is whole: the index of leaf hashes from
 * the entries, and kept heads that a later one or the state names. Retry keys that are gone stay gone.
 */
export function mendRows(rows: Rows, { gone, goneBatches }: Disk, leafHashIndex: boolean): void {
  if (gone.size === 0) return;
  for (const batch of goneBatches) mendEvents(rows, batch);
  if (leafHashIndex) mendIndex(rows);
  const { keptEnd } = decodeState(storedIn(rows, keyText(STATE_KEY)));
  for (const [key, value] of gone)
    if (key.startsWith('c') && rows.get(key) === undefined && keptSize(bytesOf(key)) < keptEnd)
      rows.set(key, value);
}

/** Rows of events, as from a backup, where the leaves that they are of are in the tree. */
function mendEvents(rows: Rows, { puts }: Batch): void {
  const { size } = decodeState(storedIn(rows, keyText(STATE_KEY)));
  const isOf = [...puts].every(([key, value]) => {
    if (!key.startsWith('p')) return true;
    const found = rows.get(key);
    return eventIndexOf(bytesOf(key)) < size && (found === undefined || found === value);
  });
  if (!isOf) return;
  for (const [key, value] of puts)
    if (/^[fijpr]/.test(key) && rows.get(key) === undefined) rows.set(key, value);
}

/** Keys of requests that added no event may have been kept after the head was signed. */
export function mendRetries(rows: Rows, engine: Engine, size: number): void {
  for (const key of engine.keysOf('j')) {
    const stored = soundIn(engine, key);
    if (stored === undefined || rows.get(key) !== undefined) continue;
    if (decodeIndexes(unsealValue(bytesOf(key), stored)).every((index) => index < size))
      rows.set(key, stored);
  }
}

/** A row as it was before it rotted, if it did. */
function soundIn(engine: Engine, key: string): Uint8Array | undefined {
  const row = engine.peek(key);
  const flip = engine.disk.flips.findLast(
    ({ key: at, bad }) => at === key && Buffer.compare(bad, row ?? new Uint8Array()) === 0,
  );
  return flip?.good ?? row;
}

function mendIndex(rows: Rows): void {
  const named = new Set<string>();
  let index = 0;
  for (const record of [...rows.keys('b', 'c'), ...rows.keys('e', 'f')]) {
    for (const entry of decodeBundle(storedIn(rows, record))) {
      const key = leafKey(leafHash(entry));
      const name = keyText(key);
      if (!named.has(name)) rows.set(name, sealValue(key, encodeIndex(leafIndex(index))));
      named.add(name);
      index += 1;
    }
  }
}

function storedIn(rows: Rows, key: string): Uint8Array {
  return unsealValue(bytesOf(key), rows.get(key) ?? new Uint8Array());
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, 'latin1'));
}
