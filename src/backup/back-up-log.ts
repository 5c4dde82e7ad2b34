import { access, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogCalls } from '../client/log-calls.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import { planGrowth } from '../core/tile/growth.ts';
import { formatBundlePath, formatTilePath } from '../core/tile/path.ts';
import { TILE_WIDTH, type TileId } from '../core/tile/tile.ts';
import { treeSize } from '../core/units.ts';
import { DurableFiles } from '../fsck/durable-files.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import { BACKUP_SCHEMA, BackupLog, type LogBackup, parseManifest, type Segment } from './backup-folder.ts';
import { copyPayloads, copySeeds } from './copy-payloads.ts';
import { copyEventRows, copyHeads, copyRetries, type SegmentCopy } from './copy-segments.ts';
import { verifyBackup } from './verify-backup.ts';

/** Facts of a log with its config file, beside which little is said. */
const FACTS_BYTES_MAX = 4 * 1024 * 1024;
/** Files that are fetched and synced at a time; a bundle has at most 16 MiB. */
const AT_A_TIME = 4;

export interface BackUpDeps {
  /** Reads of the log, and what only an admin may ask. */
  readonly calls: LogCalls;
  readonly admin: LogCalls;
  readonly name: string;
  /** The backup, not the folder of the log in it. */
  readonly folder: string;
  readonly hasher: TreeHasher;
  /** Whether the seeds of events go with it: then whoever has the copy can read them. */
  readonly withSeeds: boolean;
  readonly nowMs: number;
  /** Called often: files while copying, entries while re-hashing. */
  readonly onProgress?: (part: 'files' | 'entries', done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What a run has done. */
export interface BackUpResult {
  readonly log: string;
  readonly treeSize: number;
  /** Files of tiles and bundles that this run has copied, kept heads and retry keys that it has added. */
  readonly files: number;
  readonly heads: number;
  readonly retries: number;
  /** Of a log of events: below this size the copy has the seeds too, so that it can be read. */
  readonly seedsEnd?: number;
  /** The config file of the server; undefined where there is none. */
  readonly config: string | undefined;
}

/**
 * Copies what is new of a served log, as of one signed head, and re-hashes the whole copy before that head is written
 * into it: a run that is cut short leaves the backup of before.
 * @throws TlogError rollback, wrong_origin, storage_corrupt when the copy is not right, and those of the calls
 */
export async function backUpLog(deps: BackUpDeps): Promise<BackUpResult> {
  const { name, folder, signal } = deps;
  const target = new BackupLog(folder, name);
  const { manifest, head, config, idSecret } = await askFacts(deps);
  const before = await earlier(target, manifest, head);
  const files = new DurableFiles(target.path);
  const copied = await copyTiles(deps, files, head);
  const copy: SegmentCopy = { ...deps, files, from: before?.treeSize ?? 0, to: head.size };
  const heads = await copyHeads(copy);
  const retries = manifest.duplicates === 'key' ? await copyRetries(copy) : [];
  const events = manifest.kind === 'events' ? await copyEventRows(copy) : undefined;
  const facts: LogBackup = {
    schema: BACKUP_SCHEMA,
    treeSize: head.size,
    checkpoint: head.note,
    takenAt: new Date(deps.nowMs).toISOString(),
    heads: [...(before?.heads ?? []), ...heads],
    retries: [...(before?.retries ?? []), ...retries],
    ...(events === undefined
      ? {}
      : {
          events: [...(before?.events ?? []), ...events],
          idSecret,
          ...(await copySecretParts(deps, copy, before)),
        }),
  };
  await files.write('log.json', `${JSON.stringify(manifest, null, 2)}\n`);
  await files.syncFolders();
  await verifyBackup({ ...deps, target, manifest, head, before, facts, fresh: retries });
  signal?.throwIfAborted();
  await files.write('checkpoint', head.note);
  await files.write('backup.json', `${JSON.stringify(facts, null, 2)}\n`);
  await files.syncFolders();
  await removeOld(target.path, before, facts);
  return {
    log: name,
    treeSize: head.size,
    files: copied,
    heads: rowsOf(heads),
    retries: rowsOf(retries),
    ...(facts.payloads === undefined ? {} : { seedsEnd: facts.seeds?.end ?? 0 }),
    config,
  };
}

/** Payloads always. Seeds only when they are asked for; those of an earlier run stay. */
async function copySecretParts(
  { withSeeds }: BackUpDeps,
  copy: SegmentCopy,
  before: LogBackup | undefined,
): Promise<Pick<LogBackup, 'payloads' | 'seeds'>> {
  const payloads = await copyPayloads(copy, before?.payloads);
  const seeds = withSeeds ? await copySeeds(copy, before?.seeds) : before?.seeds;
  return { payloads, ...(seeds === undefined ? {} : { seeds }) };
}

interface Facts {
  readonly manifest: LogManifest;
  readonly head: SignedHead;
  readonly config: string | undefined;
  readonly idSecret: string | undefined;
}

async function askFacts({ admin, name }: BackUpDeps): Promise<Facts> {
  const { fields } = await admin.askFields({ path: 'backup', bytesMax: FACTS_BYTES_MAX });
  const answer = (typeof fields === 'object' && fields !== null ? fields : {}) as Record<string, unknown>;
  const { checkpoint: note, config, idSecret } = answer;
  const manifest = parseManifest(answer['manifest']);
  if (
    typeof note !== 'string' ||
    manifest.name !== name ||
    (config !== undefined && typeof config !== 'string') ||
    (idSecret !== undefined && typeof idSecret !== 'string') ||
    (manifest.kind === 'events') !== (idSecret !== undefined)
  )
    throw new TlogError('malformed_answer', 'the server did not answer with the facts of the log');
  const { size, rootHash } = parseCheckpoint(parseNote(note).text);
  const head = { size, rootHash, note };
  await headVerifier({ origin: manifest.origin, vkeys: [manifest.vkey] })(head);
  return { manifest, head, config, idSecret };
}

/** The backup that is there already: it must be of this log, and no larger than it. */
async function earlier(
  target: BackupLog,
  now: LogManifest,
  head: SignedHead,
): Promise<LogBackup | undefined> {
  const before = await target.manifest();
  if (before !== undefined && (before.vkey !== now.vkey || before.origin !== now.origin))
    throw new TlogError(
      'wrong_origin',
      `${target.path} is a backup of ${before.origin} ${before.vkey}; take another folder`,
    );
  const facts = await target.facts();
  if (facts?.treeSize === head.size && facts.checkpoint.split('\n')[2] !== head.note.split('\n')[2])
    throw new TlogError(
      'fork',
      `${target.path} and the server have two roots for size ${head.size}: keep both`,
    );
  if (facts === undefined || facts.treeSize <= head.size) return facts;
  const message = `the backup holds ${facts.treeSize} entries, the server only ${head.size}: is it an old copy? Nothing was changed`;
  throw new TlogError('rollback', message, { details: { backupSize: facts.treeSize, treeSize: head.size } });
}

/** Full tiles that are there stay: they never change, and the re-hashing sees when they are wrong. */
async function copyTiles(deps: BackUpDeps, files: DurableFiles, head: SignedHead): Promise<number> {
  const { calls, name, folder, onProgress, signal } = deps;
  const served = new TileCalls(calls, signal);
  const plan = planGrowth(treeSize(0), head.size);
  const jobs = plan.flatMap((tile) => [
    { path: formatTilePath(tile), tile, read: () => served.tile(tile) },
    ...(tile.level > 0 ? [] : [{ path: formatBundlePath(tile), tile, read: () => served.bundle(tile) }]),
  ]);
  const root = join(folder, 'logs', name);
  let [done, copied] = [0, 0];
  const copyOne = async ({ path, tile, read }: (typeof jobs)[number]): Promise<void> => {
    if (tile.width < TILE_WIDTH || !(await isThere(join(root, path)))) {
      const bytes = await read();
      if (bytes === undefined)
        throw new TlogError('storage_corrupt', `the server lacks ${path} of a tree that it signed`);
      await files.write(path, bytes);
      copied += 1;
    }
    done += 1;
    onProgress?.('files', done, jobs.length);
  };
  for (let at = 0; at < jobs.length; at += AT_A_TIME) {
    signal?.throwIfAborted();
    await Promise.all(jobs.slice(at, at + AT_A_TIME).map(copyOne));
  }
  return copied;
}

/** Partial tiles of the head before, and what a run that was cut short has left. */
async function removeOld(root: string, before: LogBackup | undefined, now: LogBackup): Promise<void> {
  const present = new Set(partialsOf(now.treeSize).flatMap(pathsOf));
  for (const path of partialsOf(before?.treeSize ?? 0).flatMap(pathsOf)) {
    if (present.has(path)) continue;
    await rm(join(root, path), { force: true });
    // The folder of the partial tiles of one place: gone with the last of them.
    if ((await readdir(join(root, dirname(path)))).length === 0)
      await rm(join(root, dirname(path)), { recursive: true });
  }
  const parts = [now.heads, now.retries, now.events, now.payloads?.files, now.seeds?.files];
  const listed = new Set(parts.flatMap((files = []) => files.map(({ file }) => file)));
  for (const folder of ['heads', 'retries', 'events', 'payloads', 'seeds'])
    for (const name of await readdir(join(root, folder)).catch(() => []))
      if (!listed.has(`${folder}/${name}`)) await rm(join(root, folder, name), { force: true });
}

function partialsOf(size: number): TileId[] {
  return planGrowth(treeSize(0), treeSize(size)).filter(({ width }) => width < TILE_WIDTH);
}

function pathsOf(tile: TileId): string[] {
  return tile.level === 0 ? [formatTilePath(tile), formatBundlePath(tile)] : [formatTilePath(tile)];
}

function rowsOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { rows }) => sum + rows, 0);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
