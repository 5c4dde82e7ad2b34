import { hash } from 'node:crypto';
import { Level } from 'level';
import { ENTRY_BYTES } from '../harness/entries.ts';

/*
 * raw-scan FOLDER: reads every value of a database that raw-level has filled and hashes each entry in it with
 * SHA-256. The least that a check of all entries has to do.
 */

const ROWS = 256;
const OPTIONS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('usage: raw-scan FOLDER');
const db = new Level<Uint8Array, Uint8Array>(folder, { ...OPTIONS, createIfMissing: false });
await db.open();
let entries = 0;
const iterator = db.iterator(OPTIONS);
for (let rows = await iterator.nextv(ROWS); rows.length > 0; rows = await iterator.nextv(ROWS)) {
  for (const [, value] of rows) {
    for (let at = 0; at < value.length; at += ENTRY_BYTES) {
      hash('sha256', value.subarray(at, at + ENTRY_BYTES), 'buffer');
      entries += 1;
    }
  }
}
await iterator.close();
await db.close();
console.log(JSON.stringify({ entries }));
