import { edgeStart, LETTER } from './rows.ts';

/** What a row of a log's database is about. */
export type RowPart =
  | 'state'
  | 'marker'
  | 'edge'
  | 'bundle'
  | 'tile'
  | 'leaf-hash'
  | 'retry'
  | 'head'
  | 'payload'
  | 'raw'
  | 'event-id'
  | 'event-retry'
  | 'unknown';

/** A row as people know it. `index` is that of a bundle, tile or event, of an edge record's first entry, or a head's size. */
export interface RowPlace {
  readonly part: RowPart;
  readonly index?: number;
  /** Tile level; only of a tile. */
  readonly level?: number;
}

const PART_OF_LETTER: ReadonlyMap<number, RowPart> = new Map([
  [LETTER.state, 'state'],
  [LETTER.open, 'marker'],
  [LETTER.edge, 'edge'],
  [LETTER.bundle, 'bundle'],
  [LETTER.tile, 'tile'],
  [LETTER.leaf, 'leaf-hash'],
  [LETTER.retry, 'retry'],
  [LETTER.kept, 'head'],
  [LETTER.payload, 'payload'],
  [LETTER.raw, 'raw'],
  [LETTER.blob, 'raw'],
  [LETTER.eventId, 'event-id'],
  [LETTER.eventRetry, 'event-retry'],
]);

const NUMBERED: readonly RowPart[] = ['bundle', 'edge', 'head', 'payload', 'raw'];

/** Every sort of row that there is. */
export const ROW_PARTS: readonly RowPart[] = [...PART_OF_LETTER.values(), 'unknown'];

/** The sort of row that a key is of. */
export function rowPart(key: Uint8Array): RowPart {
  return PART_OF_LETTER.get(key[0] ?? 0) ?? 'unknown';
}

/** What a key stands for; never throws, as the key may be damaged itself. */
export function rowPlace(key: Uint8Array): RowPlace {
  const part = rowPart(key);
  if (part === 'tile' && key.length === 10)
    return { part, level: key[1] ?? 0, index: edgeStart(key.subarray(1)) };
  return NUMBERED.includes(part) && key.length === 9 ? { part, index: edgeStart(key) } : { part };
}

/** The row in words, such as `tile 1/0`. */
export function rowName(key: Uint8Array): string {
  const { part, index, level } = rowPlace(key);
  if (level !== undefined) return `${part} ${level}/${index}`;
  return index === undefined ? `${part} row ${Buffer.from(key).toString('hex')}` : `${part} ${index}`;
}
