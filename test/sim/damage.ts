import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { eventIndexOf } from '../../src/store/event-rows.ts';
import { rowName, rowPlace } from '../../src/store/row-place.ts';
import type { Batch, Disk } from './disk.ts';
import type { Engine } from './engine.ts';
import type { Damage } from './points.ts';
import type { Random } from './random.ts';
import { Rows } from './rows.ts';
import type { Server } from './server.ts';

const RETRY = 'k';
const LEAF = 'h';
const EVENT_RETRY = 'j';

/**
 * Does to a folder what was seen to happen to folders. Gives the rows of the duplicate index that may be missing
 * though the log starts; undefined when there was nothing to damage.
 */
export function damageDisk(
  disk: Disk,
  damage: Exclude<Damage, 'rest-guard-flip' | 'rest-guard-gone'>,
  backups: readonly Rows[],
  random: Random,
): string[] | undefined {
  switch (damage) {
    case 'rest-flip':
      return flipRow(disk, random);
    case 'rest-hole':
      return makeHole(disk, random);
    case 'rest-torn-tail':
      return dropTail(disk, random);
    case 'rest-old-copy':
      return restoreOld(disk, backups, random);
    case 'rest-empty':
      // A manifest that was cut opens as a database without rows, and the tables are deleted.
      disk.replace(new Rows());
      return [];
    case 'rest-no-current':
      disk.hasCurrent = false;
      return [];
  }
}

/** Sorts of rows that a scrubbing pass reads: all but the mark of a clean stop. */
const SCRUBBED = ['b', 'c', 'e', 'f', 'h', 'i', 'j', 'k', 'p', 'r', 's', 't'];
/** Sorts of rows of one event each: without its seed they are passed over. */
const OF_EVENTS = ['f', 'p', 'r'];

/** Changes a bit of a row of a running log, each sort as often. Gives its key; undefined when there was none. */
export function rotRow(engine: Engine | undefined, random: Random): string | undefined {
  const sorts = SCRUBBED.map((letter) => readKeys(engine, letter)).filter((keys) => keys.length > 0);
  if (engine === undefined || sorts.length === 0) return undefined;
  const key = random.pick(random.pick(sorts));
  engine.rot(key, flipped(engine.peek(key) ?? new Uint8Array(1), random));
  return key;
}

/** Keys of the rows of a sort that a scrubber reads. */
function readKeys(engine: Engine | undefined, letter: string): string[] {
  const keys = engine?.keysOf(letter) ?? [];
  if (!OF_EVENTS.includes(letter)) return keys;
  return keys.filter(
    (key) => engine?.disk.events.seedOf(eventIndexOf(Buffer.from(key, 'latin1'))) !== undefined,
  );
}

/** A row that was spoiled on purpose. */
export interface Rotten {
  /** Its key in hex. */
  readonly row: string;
  readonly what: string;
  /** The bundle whose entries cannot be told to be right without it. */
  readonly bundle: number | undefined;
}

/** Sorts of rows of which every change of content is found, as everything in them follows from the tree. */
const PROVEN = ['b', 'e', 't'];

/**
 * Spoils one row of a log at rest: a bit of what is stored, or a bit of the content under a check that fits it, as
 * memory spoils it before it is written.
 */
export function rotForScrub({ engine }: Server, random: Random): Rotten | undefined {
  const isSealed = random.chance(0.4);
  const letter = random.pick(
    (isSealed ? PROVEN : SCRUBBED).filter((one) => readKeys(engine, one).length > 0),
  );
  const keys = readKeys(engine, letter);
  if (engine === undefined || keys.length === 0) return undefined;
  // The last one as often as all others: whoever counts wrong leaves that out.
  const key = random.chance(0.5) ? (keys.at(-1) as string) : random.pick(keys);
  const bytes = Uint8Array.from(Buffer.from(key, 'latin1'));
  const stored = engine.peek(key) ?? new Uint8Array(1);
  engine.rot(
    key,
    isSealed ? sealValue(bytes, flipped(unsealValue(bytes, stored), random)) : flipped(stored, random),
  );
  const { part, index, level } = rowPlace(bytes);
  const isBundle = part === 'bundle' || (part === 'tile' && level === 0);
  const what = `${isSealed ? 'the content' : 'a bit'} of ${rowName(bytes)} changes`;
  return { row: Buffer.from(bytes).toString('hex'), what, bundle: isBundle ? index : undefined };
}

function flipped(value: Uint8Array, random: Random): Uint8Array {
  const bad = Uint8Array.from(value);
  const at = random.below(bad.length);
  bad[at] = (bad[at] ?? 0) ^ (2 ** random.below(8));
  return bad;
}

function flipRow(disk: Disk, random: Random): string[] | undefined {
  disk.fold();
  const keys = disk.tables.all();
  if (keys.length === 0) return undefined;
  const key = random.pick(keys);
  const good = disk.tables.get(key);
  if (good === undefined || good.length === 0) return undefined;
  const bad = flipped(good, random);
  disk.flips.push({ key, bad, good });
  disk.tables.set(key, bad);
  return [];
}

/** A bad page in the log file: some batches in the middle are gone, later ones are there. */
function makeHole(disk: Disk, random: Random): string[] | undefined {
  if (disk.file.batches.length < 3) return undefined;
  const start = random.below(disk.file.batches.length - 2);
  const count = random.between(1, disk.file.batches.length - 2 - start);
  const gone = disk.file.batches.splice(start, count);
  disk.file.synced = Math.min(disk.file.synced, disk.file.batches.length);
  disk.goneBatches.push(...gone);
  for (const { puts } of gone)
    for (const [key, value] of puts) if (value !== undefined) disk.gone.set(key, value);
  return gone.flatMap(indexRows);
}

function dropTail(disk: Disk, random: Random): string[] | undefined {
  if (disk.file.batches.length === 0) return undefined;
  const count = random.between(1, Math.min(3, disk.file.batches.length));
  const gone = disk.file.batches.splice(disk.file.batches.length - count, count);
  disk.file.synced = Math.min(disk.file.synced, disk.file.batches.length);
  // What is missing with the tree is noticed; keys of requests that added nothing are not.
  return gone.filter(({ size }) => size === undefined).flatMap(indexRows);
}

function restoreOld(disk: Disk, backups: readonly Rows[], random: Random): string[] | undefined {
  if (backups.length === 0) return undefined;
  disk.replace(random.pick(backups).clone());
  return [];
}

function indexRows(batch: Batch): string[] {
  return [...batch.puts.keys()]
    .filter((key) => [RETRY, EVENT_RETRY, LEAF].some((letter) => key.startsWith(letter)))
    .map(
      (key) =>
        `${key.startsWith(LEAF) ? 'leaf' : 'retry'} ${Buffer.from(key.slice(1), 'latin1').toString('hex')}`,
    );
}
