import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupLog, isBackup, type LogBackup } from '../backup/backup-folder.ts';
import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { readKeyFile, writeKeyFile } from '../keys/key-file.ts';
import { createSigner } from '../keys/signer.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { type DataDirectory, dataDirectoryExists, logPaths } from '../sequencer/data-directory.ts';
import type { SignedHead } from '../sequencer/log.ts';
import { type LogManifest, SCHEMA } from '../sequencer/manifest.ts';
import { encodeCleanStop } from '../sequencer/recovery.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { readFileGuard } from '../store/file-guard.ts';
import { LevelStore } from '../store/level-store.ts';
import { OPEN_KEY } from '../store/rows.ts';
import { ProvenTree } from './proven-tree.ts';
import { type RebuildDeps, rebuild } from './rebuild.ts';
import { commitOrFail } from './repair-rows.ts';
import { restoreEventRows, restoreSecrets } from './restore-events.ts';

/** A backup that is to become a data directory. */
export interface RestoreJob extends Pick<RebuildDeps, 'nowMs' | 'signal'> {
  readonly folder: string;
  readonly dir: DataDirectory;
  /** Folder with the signing key of each log as `<name>.key`; without it they are put in place by hand. */
  readonly keys: string | undefined;
  readonly onProgress?: (log: string, progress: { readonly entries: number; readonly size: number }) => void;
}

/** How a restored log stands to its guard, which is never restored: it says how far was signed since. */
export type GuardState = 'agrees' | 'missing' | 'unreadable' | 'ahead' | 'conflict';

/** One log that was restored. */
export interface RestoredLog {
  readonly log: string;
  readonly treeSize: number;
  readonly hasKey: boolean;
  readonly guard: GuardState;
  /** Size of the guard's head; absent where it cannot be read. */
  readonly guardSize?: number;
  /** Of a log of events: how many cannot be read, since the backup has no seeds of them. */
  readonly unreadable?: number;
}

/**
 * Makes a data directory from a backup, each log exactly that of its signed head. The guard stays as it is. The directory
 * counts as one only when it is whole: a run that was cut short leaves none.
 * @throws TlogError no_data, schema_unsupported, data_exists, key_missing, key_mismatch, malformed_answer, data_damaged, and those of verifyCheckpoint
 */
export async function restoreBackup(job: RestoreJob): Promise<readonly RestoredLog[]> {
  const { folder, dir } = job;
  if (!(await isBackup(folder))) throw new TlogError('no_data', `${folder} is not a backup`);
  if ((await dataDirectoryExists(dir)).data)
    throw new TlogError('data_exists', `${dir.dataPath} is not empty; nothing is restored over anything`);
  const names = (await readdir(join(folder, 'logs'))).sort();
  const logs = await Promise.all(names.map((name) => readBackup(job, name)));
  await mkdir(join(dir.dataPath, 'logs'), { recursive: true, mode: 0o700 });
  const restored: RestoredLog[] = [];
  for (const log of logs) restored.push(await restoreLog(job, log));
  const config = await readFile(join(folder, 'config.yaml'), 'utf8').catch(() => undefined);
  if (config !== undefined) await writeFileDurably(join(dir.dataPath, 'config.yaml'), config);
  await writeFileDurably(join(dir.dataPath, 'stele.json'), `${JSON.stringify({ schema: SCHEMA })}\n`);
  return restored;
}

/** What is to be restored of one log, checked before anything is written. */
interface CheckedBackup {
  readonly source: BackupLog;
  readonly manifest: LogManifest;
  readonly facts: LogBackup;
  readonly head: SignedHead;
  /** The signing key; undefined where it is put in place by hand. */
  readonly skey: string | undefined;
}

async function readBackup({ folder, keys }: RestoreJob, name: string): Promise<CheckedBackup> {
  const source = new BackupLog(folder, name);
  const [manifest, facts] = [await source.manifest(), await source.facts()];
  if (manifest === undefined || facts === undefined || manifest.name !== name)
    throw new TlogError('no_data', `${source.path} holds no backup that was finished`);
  const { size, rootHash } = parseCheckpoint(parseNote(facts.checkpoint).text);
  const head = { size, rootHash, note: facts.checkpoint };
  await headVerifier({ origin: manifest.origin, vkeys: [manifest.vkey] })(head);
  return {
    source,
    manifest,
    facts,
    head,
    skey: keys === undefined ? undefined : await keyOf(keys, manifest),
  };
}

async function keyOf(keys: string, { name, vkey, origin }: LogManifest): Promise<string> {
  const path = join(keys, `${name}.key`);
  const skey = await readKeyFile(path);
  if (createSigner(skey).vkey === vkey) return skey;
  throw new TlogError('key_mismatch', `${path} is not the key of ${origin}`);
}

async function restoreLog(
  job: RestoreJob,
  { source, manifest, facts, head, skey }: CheckedBackup,
): Promise<RestoredLog> {
  const { dir, onProgress } = job;
  const { name } = manifest;
  const paths = logPaths(dir, name);
  await mkdir(paths.root, { mode: 0o700 });
  const engine = await LevelStore.create(paths.db);
  const events = { source, facts, root: paths.root, engine, size: head.size };
  let state: Pick<RestoredLog, 'guard' | 'guardSize'>;
  try {
    const { lost } = await rebuild({
      ...job,
      ...{ hasher: nodeHasher, engine, manifest, head, sources: [source], dropLost: false },
      onProgress: (progress) => onProgress?.(name, progress),
    });
    if (lost.count > 0)
      throw new TlogError(
        'data_damaged',
        `the backup lacks ${lost.count} rows of log ${name}, such as ${lost.names[0]}`,
      );
    const tree = await ProvenTree.open(nodeHasher, [source], head);
    state = await compareWithGuard(paths.guard, tree, head, signedBy(manifest));
    await restoreEventRows(events);
    const marker = { key: OPEN_KEY, value: encodeCleanStop(head.size) };
    await commitOrFail(new CheckedStore(engine), { puts: [marker], deletes: [] });
  } finally {
    await engine.close();
  }
  const unreadable = manifest.kind === 'events' ? { unreadable: await restoreSecrets(events) } : {};
  if (skey !== undefined) await writeKeyFile(paths.key, skey);
  await writeFileDurably(paths.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return { log: name, treeSize: head.size, hasKey: skey !== undefined, ...state, ...unreadable };
}

/** Whether a head is one of this log: the guard of another one may say the same of another tree. */
function signedBy({ origin, vkey }: LogManifest): (mark: SignedHead) => Promise<boolean> {
  const verify = headVerifier({ origin, vkeys: [vkey] });
  return (mark) =>
    verify(mark).then(
      () => true,
      (error: unknown) => {
        if (error instanceof TlogError) return false;
        throw error;
      },
    );
}

/** What the guard says of the restored tree. It is looked at, never written. */
async function compareWithGuard(
  folder: string,
  tree: ProvenTree,
  head: SignedHead,
  isSigned: (mark: SignedHead) => Promise<boolean>,
): Promise<Pick<RestoredLog, 'guard' | 'guardSize'>> {
  try {
    const mark = await readFileGuard(folder);
    const { size, rootHash } = mark;
    if (!(await isSigned(mark))) return { guard: 'conflict', guardSize: size };
    if (size > head.size) return { guard: 'ahead', guardSize: size };
    const root = await tree.rootAt(size);
    const agrees = root !== undefined && equalBytes(root, rootHash);
    return { guard: agrees ? 'agrees' : 'conflict', guardSize: size };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (error.code === 'guard_missing') return { guard: 'missing' };
    return { guard: error.code === 'guard_conflict' ? 'conflict' : 'unreadable' };
  }
}
