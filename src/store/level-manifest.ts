import { logOfRecords, logParts } from './level-log.ts';
import { readVarint, varint } from './snappy.ts';

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
const NEXT_NUMBER = 3;
const DELETED_FILE = 6;
const NEW_FILE = 7;

/** A table as a MANIFEST names it. Keys are LevelDB's own: those of rows with eight bytes behind them. */
export interface NamedTable {
  readonly level: number;
  readonly number: number;
  readonly bytes: number;
  readonly smallest: Buffer;
  readonly largest: Buffer;
}

/** What the edits of a MANIFEST come to. */
export interface ManifestContent {
  /** By number. */
  readonly tables: ReadonlyMap<number, NamedTable>;
  /** Numbers from here on are free, as far as it knows. */
  readonly nextNumber: number;
}

/**
 * What a MANIFEST says makes up the database: a table that a compaction which was cut off has left is not named in it, and the
 * next open removes it. Undefined where its edits make no sense.
 * @see https://github.com/google/leveldb/blob/main/doc/impl.md
 */
export function readManifestFile(manifest: Buffer): ManifestContent | undefined {
  const tables = new Map<number, NamedTable>();
  let nextNumber = 0;
  for (const edit of records(manifest)) {
    for (let at = 0; at < edit.length; ) {
      const field = readField(edit, at);
      if (field === undefined) return undefined;
      const [first = 0, number = 0] = field.numbers;
      if (field.tag === NEXT_NUMBER) nextNumber = first;
      if (field.tag === NEW_FILE) tables.set(number, namedTable(field));
      if (field.tag === DELETED_FILE) tables.delete(number);
      at = field.next;
    }
  }
  return { tables, nextNumber };
}

/** Numbers of the tables that a MANIFEST names. Undefined where its edits make no sense. */
export function tablesInUse(manifest: Buffer): ReadonlySet<number> | undefined {
  const content = readManifestFile(manifest);
  return content && new Set(content.tables.keys());
}

/** The same MANIFEST with some tables replaced, others taken away, and numbers below `nextNumber` used. */
export function editedManifest(
  manifest: Buffer,
  nextNumber: number,
  replaced: readonly { readonly table: NamedTable; readonly by: NamedTable | undefined }[],
): Buffer {
  const fields = replaced.flatMap(({ table, by }) => [
    numbers(DELETED_FILE, table.level, table.number),
    ...(by === undefined ? [] : [addition(by)]),
  ]);
  return logOfRecords([...records(manifest), Buffer.concat([numbers(NEXT_NUMBER, nextNumber), ...fields])]);
}

function addition({ level, number, bytes, smallest, largest }: NamedTable): Buffer {
  const texts = [smallest, largest].flatMap((text) => [varint(text.length), text]);
  return Buffer.concat([numbers(NEW_FILE, level, number, bytes), ...texts]);
}

function numbers(...all: readonly number[]): Buffer {
  return Buffer.concat(all.map(varint));
}

function namedTable({ numbers: [level = 0, number = 0, bytes = 0], texts }: Field): NamedTable {
  const [smallest = Buffer.alloc(0), largest = Buffer.alloc(0)] = texts;
  return { level, number, bytes, smallest, largest };
}

interface Field {
  readonly tag: number;
  readonly numbers: readonly number[];
  readonly texts: readonly Buffer[];
  readonly next: number;
}

function readField(edit: Buffer, start: number): Field | undefined {
  const [tag = 0, afterTag] = readVarint(edit, start);
  const [numbers, texts]: [number[], Buffer[]] = [[], []];
  let at = afterTag;
  for (const kind of FIELDS.get(tag) ?? []) {
    const [value, next] = readVarint(edit, at);
    if (value === undefined) return undefined;
    at = kind === 'text' ? next + value : next;
    if (kind === 'number') numbers.push(value);
    else texts.push(edit.subarray(next, at));
  }
  return FIELDS.has(tag) && at <= edit.length ? { tag, numbers, texts, next: at } : undefined;
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
