import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { TlogError } from '../core/error.ts';
import type { Random } from '../runtime/random.ts';
import { isGone, unread } from '../store/disk-error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { BlobFolder, type Blobs } from './blobs.ts';
import { IdHasher } from './event-keys.ts';
import { pooled } from './random-pool.ts';
import type { SealingThread } from './sealer-beside.ts';
import { SeedFile, type SeedRun } from './seed-file.ts';
import type { SeedGap } from './seed-header.ts';
import type { Seeds } from './seeds.ts';

const SECRET_BYTES = 32;

/** What a log of events keeps beside its database. */
export interface EventKeeping {
  readonly seeds: Seeds;
  readonly blobs: Blobs;
  readonly ids: IdHasher;
  readonly random: Random;
  /** Seals many events at a time; without it they are sealed between other work. */
  readonly sealing?: Pick<SealingThread, 'ask'> | undefined;
}

/** The files of a log of events in the folder of the log. */
export interface EventPaths {
  readonly seeds: string;
  readonly idSecret: string;
  readonly raw: string;
}

export function eventPaths(logFolder: string): EventPaths {
  return {
    seeds: join(logFolder, 'seeds'),
    idSecret: join(logFolder, 'id-secret'),
    raw: join(logFolder, 'raw'),
  };
}

/** Makes them, for a log whose leaves below `gapEnd` have the seeds of `runs` alone. @param secret that of the log: 32 bytes @returns leaves without seeds */
export async function createEventFiles(
  logFolder: string,
  {
    gapEnd,
    secret,
    runs,
  }: {
    readonly gapEnd: number;
    readonly secret: Uint8Array;
    readonly runs?: AsyncIterable<SeedRun>;
  },
): Promise<readonly SeedGap[]> {
  const paths = eventPaths(logFolder);
  await writeFileDurably(paths.idSecret, formatIdSecret(secret));
  return SeedFile.create(paths.seeds, gapEnd, runs);
}

/** What a backup of a log of events needs from the files beside its database, which a server may have open. */
export interface EventSecrets {
  /** What ids are looked up with: 32 bytes. @throws TlogError data_damaged */
  idSecret(): Promise<Uint8Array>;
  /** Seeds of [from, to), gaps left out. @throws TlogError data_damaged */
  seeds(from: number, to: number): Promise<readonly SeedRun[]>;
  /** Encrypted verbatim bytes. @throws TlogError storage_corrupt when they are gone, storage_unreadable */
  blob(name: Uint8Array): Promise<Uint8Array>;
}

/** Those in the folder of a log. */
export function eventSecrets(logFolder: string): EventSecrets {
  const paths = eventPaths(logFolder);
  const blobs = new BlobFolder(paths.raw);
  return {
    idSecret: () => readIdSecret(paths.idSecret),
    seeds: (from, to) => SeedFile.runs(paths.seeds, from, to),
    blob: (name) => blobs.read(name),
  };
}

/** Opens them for a tree of `size` leaves. @throws TlogError data_damaged when one is missing or is none */
export async function openEventFiles(logFolder: string, size: number, random: Random): Promise<EventKeeping> {
  const paths = eventPaths(logFolder);
  const ids = new IdHasher(await readIdSecret(paths.idSecret));
  const seeds = await SeedFile.open(paths.seeds, size, random);
  return { seeds, blobs: new BlobFolder(paths.raw), ids, random: pooled(random) };
}

/** What the events of a stopped log are checked with: nothing is changed. */
export interface InspectedEvents extends AsyncDisposable {
  readonly seeds: Pick<Seeds, 'has' | 'read'>;
  readonly blobs: Pick<Blobs, 'read'>;
  readonly ids: IdHasher;
}

/** As `openEventFiles`, for who only looks. @throws TlogError data_damaged when one is missing or is none */
export async function inspectEventFiles(logFolder: string, size: number): Promise<InspectedEvents> {
  const paths = eventPaths(logFolder);
  const ids = new IdHasher(await readIdSecret(paths.idSecret));
  const seeds = await SeedFile.inspect(paths.seeds, size);
  return { seeds, blobs: new BlobFolder(paths.raw), ids, [Symbol.asyncDispose]: () => seeds.close() };
}

/** With a check: under another secret every event would be new, and every retry an event of its own. */
function formatIdSecret(secret: Uint8Array): string {
  const hex = hexOf(secret);
  return `${hex} ${crc32(hex).toString(16).padStart(8, '0')}\n`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** @throws TlogError data_damaged, storage_unreadable */
async function readIdSecret(path: string): Promise<Uint8Array> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (!isGone(cause)) throw unread(path, cause);
    throw new TlogError('data_damaged', `cannot read ${path}: put it back, it is in every backup`, { cause });
  });
  const secret = Uint8Array.from(Buffer.from(text.slice(0, 2 * SECRET_BYTES), 'hex'));
  // One that was made before there was a check ends behind the secret.
  if (secret.length === SECRET_BYTES && (text === formatIdSecret(secret) || text === `${hexOf(secret)}\n`))
    return secret;
  throw new TlogError(
    'data_damaged',
    `${path} is not the secret of a log: put it back, it is in every backup`,
  );
}
