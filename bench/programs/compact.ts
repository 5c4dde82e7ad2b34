import { Level } from 'level';

/* compact FOLDER: makes a LevelDB database as small as it gets. */

const OPTIONS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/** What `level` is on Node, and its types, made for browsers too, leave out. */
interface Compacting {
  compactRange(start: Uint8Array, end: Uint8Array, options: typeof OPTIONS): Promise<void>;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('usage: compact FOLDER');
const db = new Level<Uint8Array, Uint8Array>(folder, { ...OPTIONS, createIfMissing: false });
await db.open();
await (db as unknown as Compacting).compactRange(Uint8Array.of(0), new Uint8Array(64).fill(0xff), OPTIONS);
await db.close();
console.log('{}');
