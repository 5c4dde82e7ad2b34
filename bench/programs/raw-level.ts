import { Level } from 'level';
import { ENTRY_BYTES, EntrySource } from '../harness/entries.ts';
import { percentiles } from '../harness/statistics.ts';

/*
 * raw-level FOLDER ENTRIES SECONDS: synced, chained LevelDB batches of so many entries, in values of 256. What the
 * engine takes when nothing is hashed, indexed, signed, guarded or sent. With SECONDS 0: one batch after the other
 * until there are ENTRIES, in batches of 4,096.
 */

const VALUE_ENTRIES = 256;
const FILL_ENTRIES = 4_096;
const OPTIONS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

const [folder, entries, seconds] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('usage: raw-level FOLDER ENTRIES SECONDS');
const source = new EntrySource();
const db = new Level<Uint8Array, Uint8Array>(folder, OPTIONS);
await db.open();
const times: number[] = [];
let written = 0;
let values = 0;

async function writeBatch(count: number): Promise<void> {
  const bytes = source.plain(count);
  const batch = db.batch();
  for (let at = 0; at < bytes.length; at += VALUE_ENTRIES * ENTRY_BYTES) {
    const key = Buffer.alloc(9, 'e');
    key.writeBigUInt64BE(BigInt(values), 1);
    batch.put(key, bytes.subarray(at, at + VALUE_ENTRIES * ENTRY_BYTES), OPTIONS);
    values += 1;
  }
  const fromMs = performance.now();
  await batch.write({ sync: true });
  times.push(performance.now() - fromMs);
  written += count;
}

const startMs = performance.now();
if (Number(seconds) > 0) {
  const endMs = startMs + Number(seconds) * 1_000;
  while (performance.now() < endMs) await writeBatch(Number(entries));
} else {
  while (written < Number(entries)) await writeBatch(Math.min(FILL_ENTRIES, Number(entries) - written));
}
const perSec = (written * 1_000) / (performance.now() - startMs);
await db.close();
console.log(JSON.stringify({ perSec, ...percentiles(times), count: times.length }));
