import { join } from 'node:path';
import { Level } from 'level';
import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { type RowPlace, rowName, rowPlace } from '../../src/store/row-place.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type Kind, linkedCopy } from './mutation.ts';
import type { Reference } from './reference.ts';

/** One row of a copy that was changed beneath a right checksum of LevelDB, as a compaction leaves what has rotted. */
export interface RowMutation {
  readonly fileClass: 'row';
  readonly kind: Kind;
  readonly target: 'entries' | 'events';
  readonly row: RowPlace;
  /** The byte that is wrong in a row whose check is right; absent: its check is wrong, or it is gone. */
  readonly sealedAt?: number;
  readonly what: string;
}

type Db = Level<Uint8Array, Uint8Array>;
type Change = { readonly value: Uint8Array | undefined; readonly sealedAt?: number };

/** Copies a log of the reference, and changes one row of it; each sort of row as often. Undefined where nothing would change. */
export async function mutatedRow(
  { entries, events }: Reference,
  copy: string,
  kind: Kind,
  random: SeededRandom,
): Promise<RowMutation | undefined> {
  const target = random.pick(['entries', 'events'] as const);
  const { folder, manifest } = target === 'entries' ? entries : events;
  const db = `data/logs/${manifest.name}/db`;
  await linkedCopy(
    folder,
    copy,
    () => false,
    (file) => file.startsWith(`${db}/`),
  );
  await using level = await openLevel(join(copy, db));
  const keys = await level.keys().all();
  const letter = random.pick([...new Set(keys.map(([first = 0]) => first))]);
  const alike = keys.filter(([first]) => first === letter);
  const key = random.pick(alike);
  const before = (await level.get(key)) ?? new Uint8Array(0);
  const { value, ...sealed } = await changed(kind, { level, key, before, alike, random });
  if (value !== undefined && Buffer.compare(value, before) === 0) return undefined;
  if (value === undefined) await level.del(key, { sync: true });
  else await level.put(key, value, { sync: true });
  const what = `${kind} row ${rowName(key)} of ${manifest.name}`;
  return { fileClass: 'row', kind, target, row: rowPlace(key), ...sealed, what };
}

async function openLevel(path: string): Promise<Db> {
  const level: Db = new Level(path, { keyEncoding: 'view', valueEncoding: 'view', createIfMissing: false });
  await level.open();
  return level;
}

interface Row {
  readonly level: Db;
  readonly key: Uint8Array;
  readonly before: Uint8Array;
  /** Keys of its sort. */
  readonly alike: readonly Uint8Array[];
  readonly random: SeededRandom;
}

/** `stale` has no older row to go back to: there the row says something else under a right check. */
async function changed(kind: Kind, { level, key, before, alike, random }: Row): Promise<Change> {
  const at = random.int(0, before.length);
  if (kind === 'delete') return { value: undefined };
  if (kind === 'cut') return { value: before.subarray(0, at) };
  if (kind === 'swap') return { value: (await level.get(random.pick(alike))) ?? new Uint8Array(0) };
  if (kind === 'zero') return { value: Uint8Array.from(before).fill(0, at, at + 16) };
  if (kind === 'flip') return { value: flipped(before, at, random.int(0, 8)) };
  const said = unsealValue(key, before);
  if (said.length === 0) return { value: before };
  const sealedAt = at % said.length;
  return { value: sealValue(key, flipped(said, sealedAt, random.int(0, 8))), sealedAt };
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte));
}
