import { logParts } from './level-log.ts';
import { readVarint } from './snappy.ts';

/** What fields of an edit hold behind their tags (db/version_edit.cc): numbers, and texts with their lengths. */
const FIELDS: ReadonlyMap<number, readonly ('number' | 'text')[]> = new Map([
  [1, ['text']],
  [2, ['number']],
  [3, ['number']],
  [4, ['number']],
  [5, ['number', 'text']],
  [6, ['number', 'number']],
  [7, ['number', 'number', 'number', 'text', 'text']],
  [9, ['number']],
]);
const DELETED_FILE = 6;
const NEW_FILE = 7;

/**
 * Numbers of the tables that a MANIFEST says make up the database: what a compaction that was cut off has left is not
 * among them, and the next open removes it. Undefined where its edits make no sense.
 * @see https://github.com/google/leveldb/blob/main/doc/impl.md
 */
export function tablesInUse(manifest: Buffer): ReadonlySet<number> | undefined {
  const inUse = new Set<number>();
  for (const edit of records(manifest)) {
    for (let at = 0; at < edit.length; ) {
      const field = readField(edit, at);
      if (field === undefined) return undefined;
      const [, number = 0] = field.numbers;
      if (field.tag === NEW_FILE) inUse.add(number);
      if (field.tag === DELETED_FILE) inUse.delete(number);
      at = field.next;
    }
  }
  return inUse;
}

interface Field {
  readonly tag: number;
  readonly numbers: readonly number[];
  readonly next: number;
}

function readField(edit: Buffer, start: number): Field | undefined {
  const [tag = 0, afterTag] = readVarint(edit, start);
  const numbers: number[] = [];
  let at = afterTag;
  for (const kind of FIELDS.get(tag) ?? []) {
    const [value, next] = readVarint(edit, at);
    if (value === undefined) return undefined;
    if (kind === 'number') numbers.push(value);
    at = kind === 'text' ? next + value : next;
  }
  return FIELDS.has(tag) && at <= edit.length ? { tag, numbers, next: at } : undefined;
}

/** The records of a log file up to what a crash has left half written. */
function* records(log: Buffer): Generator<Buffer> {
  let parts: Buffer[] = [];
  for (const { isSound, isLast, bytes } of logParts(log)) {
    if (!isSound) return;
    parts.push(bytes);
    if (!isLast) continue;
    yield Buffer.concat(parts);
    parts = [];
  }
}
