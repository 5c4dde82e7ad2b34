import type { Batch, Disk } from './disk.ts';
import type { Damage } from './points.ts';
import type { Random } from './random.ts';
import { Rows } from './rows.ts';

const RETRY = 'k';
const LEAF = 'h';

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

function flipRow(disk: Disk, random: Random): string[] | undefined {
  disk.fold();
  const keys = disk.tables.all();
  if (keys.length === 0) return undefined;
  const key = random.pick(keys);
  const value = Uint8Array.from(disk.tables.get(key) ?? []);
  if (value.length === 0) return undefined;
  const at = random.below(value.length);
  value[at] = (value[at] ?? 0) ^ (2 ** random.below(8));
  disk.flips.push({ key, bad: value, good: disk.tables.get(key) ?? value });
  disk.tables.set(key, value);
  return [];
}

/** A bad page in the log file: some batches in the middle are gone, later ones are there. */
function makeHole(disk: Disk, random: Random): string[] | undefined {
  if (disk.file.batches.length < 3) return undefined;
  const start = random.below(disk.file.batches.length - 2);
  const count = random.between(1, disk.file.batches.length - 2 - start);
  const gone = disk.file.batches.splice(start, count);
  disk.file.synced = Math.min(disk.file.synced, disk.file.batches.length);
  return gone.flatMap(indexRows);
}

function dropTail(disk: Disk, random: Random): string[] | undefined {
  if (disk.file.batches.length === 0) return undefined;
  const count = random.between(1, Math.min(3, disk.file.batches.length));
  disk.file.batches.splice(disk.file.batches.length - count, count);
  disk.file.synced = Math.min(disk.file.synced, disk.file.batches.length);
  return [];
}

function restoreOld(disk: Disk, backups: readonly Rows[], random: Random): string[] | undefined {
  if (backups.length === 0) return undefined;
  disk.replace(random.pick(backups).clone());
  return [];
}

function indexRows(batch: Batch): string[] {
  return [...batch.puts.keys()]
    .filter((key) => key.startsWith(RETRY) || key.startsWith(LEAF))
    .map(
      (key) =>
        `${key.startsWith(RETRY) ? 'retry' : 'leaf'} ${Buffer.from(key.slice(1), 'latin1').toString('hex')}`,
    );
}
