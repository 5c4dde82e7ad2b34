import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import type { PublicLabel } from '../core/event/leaf.ts';
import { treeSize } from '../core/units.ts';
import { createEventFiles } from '../events/event-files.ts';
import { generateSigningKey } from '../keys/generate.ts';
import { writeKeyFile } from '../keys/key-file.ts';
import type { Clock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { Random } from '../runtime/random.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { writeFailure, writeRefusal } from '../store/disk-error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { createFileGuard } from '../store/file-guard.ts';
import { LevelStore } from '../store/level-store.ts';
import { encodeState, OPEN_KEY, STATE_KEY } from '../store/rows.ts';
import type { CommitOutcome } from '../store/store.ts';
import {
  checkDataDirectory,
  type DataDirectory,
  dataDirectoryExists,
  type LogPaths,
  listLogs,
  logPaths,
} from './data-directory.ts';
import type { DuplicateMode, LogKind, ReadAccess } from './log.ts';
import { type LogManifest, SCHEMA } from './manifest.ts';
import { encodeCleanStop } from './recovery.ts';
import { giveName, isUnfinished, refuseTaken, signEmptyTree, unfinishedPaths } from './unfinished-log.ts';

/** What a new log shall be. */
export interface NewLog {
  readonly name: string;
  readonly kind: LogKind;
  /** At most 255 bytes, no space and no plus sign; never changes. */
  readonly origin: string;
  readonly duplicates?: DuplicateMode;
  readonly leafHashIndex?: boolean;
  /** Default: public. */
  readonly reads?: ReadAccess;
  /** Members of events that every leaf shows, for ever. Default: none; only of a log of events. */
  readonly publicLabels?: readonly PublicLabel[];
}

/** Makes the two folders. @throws TlogError data_exists when either holds anything, invalid_config, not_writable when one cannot be made */
export async function createDataDirectory(dir: DataDirectory): Promise<void> {
  const found = await dataDirectoryExists(dir);
  if (found.data || found.guard) {
    const path = found.data ? dir.dataPath : dir.guardPath;
    const message = `${path} is not empty; a log is never made over an old one`;
    throw new TlogError('data_exists', `${message}${await whatIsThere(dir)}`);
  }
  await makeFolder(join(dir.dataPath, 'logs'));
  await makeFolder(dir.guardPath);
  await writeFileDurably(join(dir.dataPath, 'stele.json'), `${JSON.stringify({ schema: SCHEMA })}\n`);
}

/** What to do where it was a creation that was cut short. Said, not done: another process may be at it. */
async function whatIsThere(dir: DataDirectory): Promise<string> {
  const names = await checkDataDirectory(dir)
    .then(() => listLogs(dir))
    .then(
      (logs) => logs.map(({ name }) => name),
      () => undefined,
    );
  if (names === undefined) return '';
  if (names.length > 0)
    return `. It has ${names.join(', ')}: what an init that was cut short has left out is made by stele logs create and stele token create`;
  return (await holdsNoLog(dir))
    ? `. No log is in it: where a stele init was cut short, remove ${dir.dataPath} and ${dir.guardPath}, and run it again`
    : '';
}

/** A log whose log.json is gone, or a guard of one, is something. */
async function holdsNoLog(dir: DataDirectory): Promise<boolean> {
  const folders = [join(dir.dataPath, 'logs'), dir.guardPath];
  const names = await Promise.all(folders.map((path) => readdir(path).catch(() => [path])));
  return names.flat().every(isUnfinished);
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    const message = `${path} cannot be made (${(cause as Error).message}): name another folder`;
    throw writeRefusal(path, cause, new TlogError('invalid_config', message, { cause }));
  });
}

async function makeLogFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((cause: unknown) => {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const refusal = isThere
      ? new TlogError(
          'data_exists',
          `${path} exists: a log of this name is being made, or its making was cut short`,
          { cause },
        )
      : new TlogError('no_data', `${path} cannot be made: run stele init first`, { cause });
    throw writeRefusal(path, cause, refusal);
  });
}

interface CreateDeps {
  readonly dir: DataDirectory;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Makes key, database and guard of a log, and signs size 0. It gets its name last: a creation that was cut short leaves no log, and
 * `removeUnfinished` removes what it has left.
 * @throws TlogError data_exists, invalid_parameter, no_data, not_writable, commit_unknown
 */
export async function createLog(deps: CreateDeps, log: NewLog): Promise<LogManifest> {
  const { duplicates = 'key', leafHashIndex = true } = log;
  checkNewLog(log, duplicates, leafHashIndex);
  const paths = logPaths(deps.dir, log.name);
  const making = unfinishedPaths(deps.dir, log.name);
  try {
    await refuseTaken(paths);
    const manifest = await makeLog(deps, making, log);
    await giveName(making, paths);
    return manifest;
  } catch (cause) {
    throw writeFailure(making.root, cause);
  }
}

async function makeLog(deps: CreateDeps, paths: LogPaths, log: NewLog): Promise<LogManifest> {
  const { duplicates = 'key', leafHashIndex = true, reads = 'public' } = log;
  await makeLogFolder(paths.root);
  const { skey, vkey } = generateSigningKey(deps.random, log.origin);
  await writeKeyFile(paths.key, skey);
  await createStore(paths.db, deps.clock);
  if (log.kind === 'events') await createEventFiles(paths.root, { gapEnd: 0, secret: deps.random(32) });
  await createFileGuard(paths.guard, await signEmptyTree(skey));
  const createdAt = new Date(deps.clock.nowMs()).toISOString();
  const { name, kind, origin } = log;
  const manifest: LogManifest = {
    schema: SCHEMA,
    name,
    kind,
    origin,
    vkey,
    duplicates,
    leafHashIndex,
    reads,
    ...(log.publicLabels === undefined || log.publicLabels.length === 0
      ? {}
      : { publicLabels: log.publicLabels }),
    createdAt,
  };
  await writeFileDurably(paths.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

function checkNewLog(
  { origin, kind, publicLabels = [] }: NewLog,
  duplicates: DuplicateMode,
  leafHashIndex: boolean,
): void {
  if (kind === 'entries' && publicLabels.length > 0)
    throw new TlogError('invalid_parameter', 'only a log of events has public labels');
  if (kind === 'events' && duplicates !== 'key')
    throw new TlogError('invalid_parameter', 'repeats of events are told by their ids and keys');
  const bytes = Buffer.byteLength(origin);
  if (bytes === 0 || bytes > 255)
    throw new TlogError('invalid_parameter', `origin of ${bytes} bytes: 1 to 255 are allowed`);
  if (duplicates === 'content' && !leafHashIndex) {
    throw new TlogError('invalid_parameter', 'duplicates by content need the leaf-hash index');
  }
}

async function createStore(path: string, clock: Clock): Promise<void> {
  const level = await LevelStore.create(path);
  try {
    if ((await writeEmptyTree(new CheckedStore(level), clock.nowMs())) === 'committed') return;
    throw new TlogError('commit_unknown', `cannot write to ${path}`, { cause: level.lastError });
  } finally {
    await level.close();
  }
}

function writeEmptyTree(store: CheckedStore, committedAtMs: number): Promise<CommitOutcome> {
  const size = treeSize(0);
  const state = { size, rootHash: nodeHasher.emptyRoot, committedAtMs, keptEnd: 0 };
  return store.commit({
    puts: [
      { key: STATE_KEY, value: encodeState(state) },
      { key: OPEN_KEY, value: encodeCleanStop(size) },
    ],
    deletes: [],
  });
}
