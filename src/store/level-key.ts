/*
 * Keys as LevelDB has them in its tables: that of the row, and behind it which version it is, and whether it is one or says that the row is
 * gone (db/dbformat.h).
 */

const VERSION_BYTES = 8;
const GONE = 0;
const THERE = 1;

/** The key of the row. */
export function rowOf(key: Buffer): Buffer {
  return key.subarray(0, Math.max(0, key.length - VERSION_BYTES));
}

/** Whether LevelDB can take this for a key; a shorter one ends the process. */
export function isKey(key: Buffer): boolean {
  return key.length > VERSION_BYTES && (sortOf(key) === GONE || sortOf(key) === THERE);
}

/** Whether a row is there under this key. */
export function isKeyOfRow(key: Buffer): boolean {
  return isKey(key) && sortOf(key) === THERE;
}

/** Rows ascend, and of one row the newest version comes first. */
export function compareKeys(a: Buffer, b: Buffer): number {
  const order = Buffer.compare(rowOf(a), rowOf(b));
  if (order !== 0 || a.length < VERSION_BYTES || b.length < VERSION_BYTES) return order;
  const [ofA, ofB] = [versionOf(a), versionOf(b)];
  if (ofA === ofB) return 0;
  return ofA > ofB ? -1 : 1;
}

function sortOf(key: Buffer): number | undefined {
  return key[key.length - VERSION_BYTES];
}

function versionOf(key: Buffer): bigint {
  return key.readBigUInt64LE(key.length - VERSION_BYTES);
}
