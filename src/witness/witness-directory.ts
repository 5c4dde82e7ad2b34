import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { COSIGNATURE_V1 } from '../core/note/key.ts';
import { generateSigningKey } from '../keys/generate.ts';
import { writeKeyFile } from '../keys/key-file.ts';
import type { Random } from '../runtime/random.ts';
import { removeCutShortGuard } from '../store/cut-short-guard.ts';
import { writeFailure } from '../store/disk-error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { createFileGuard } from '../store/file-guard.ts';
import { syncFolder } from '../store/guard-files.ts';
import { LevelStore } from '../store/level-store.ts';
import { addToLogList, parseLogKey, readLogList } from './log-list.ts';
import { FRESH_MARK, originHash } from './witness-record.ts';

/** Version of what a witness has on disk. */
const SCHEMA = 1;

/** Where a witness keeps its key, records and alerts, and where it remembers how far it has cosigned. */
export interface WitnessDirectory {
  readonly dataPath: string;
  readonly guardPath: string;
}

/** Paths within. */
export function witnessPaths({ dataPath }: WitnessDirectory): {
  readonly manifest: string;
  readonly key: string;
  readonly db: string;
  readonly logs: string;
  readonly alerts: string;
} {
  const inData = (name: string): string => join(dataPath, name);
  return {
    manifest: inData('witness.json'),
    key: inData('key'),
    db: inData('db'),
    logs: inData('logs.txt'),
    alerts: inData('alerts'),
  };
}

/** The folder of an origin's guard. */
export function guardFolder({ guardPath }: WitnessDirectory, origin: string): string {
  return join(guardPath, originHash(origin));
}

/** Makes a witness with a new key and no logs; gives back its vkey. @throws TlogError data_exists, malformed_key */
export async function createWitness(dir: WitnessDirectory, name: string, random: Random): Promise<string> {
  for (const path of [dir.dataPath, dir.guardPath]) {
    if ((await namesIn(path)).length > 0)
      throw new TlogError('data_exists', `${path} is not empty; a new witness needs folders of its own`);
  }
  const { skey, vkey } = generateSigningKey(random, name, COSIGNATURE_V1);
  const paths = witnessPaths(dir);
  await mkdir(paths.alerts, { recursive: true, mode: 0o700 });
  await mkdir(dir.guardPath, { recursive: true, mode: 0o700 });
  await writeKeyFile(paths.key, skey);
  const store = await LevelStore.create(paths.db);
  await store.close();
  await writeFileDurably(
    paths.logs,
    '# The logs this witness follows, a vkey a line. Add with stele witness add-log.\n',
  );
  // Last: a creation that was cut short is no witness.
  await writeFileDurably(paths.manifest, `${JSON.stringify({ schema: SCHEMA, name, vkey })}\n`);
  return vkey;
}

/** What the witness is. @throws TlogError no_data, invalid_config, schema_unsupported */
export async function readWitnessManifest(dir: WitnessDirectory): Promise<{ name: string; vkey: string }> {
  const path = witnessPaths(dir).manifest;
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    const message = `cannot read ${path}: run stele witness init, or name the right directory with --data`;
    throw new TlogError('no_data', message, { cause });
  });
  const { schema, name, vkey } = fieldsOf(text);
  if (typeof name !== 'string' || typeof vkey !== 'string')
    throw new TlogError('invalid_config', `${path} is damaged: put it back from a copy`);
  if (schema !== SCHEMA)
    throw new TlogError(
      'schema_unsupported',
      `${path} is of another version; this one reads schema ${SCHEMA}`,
    );
  return { name, vkey };
}

/** Members of a JSON object; none of anything else. */
function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return { ...(JSON.parse(text) as object) };
  } catch {
    return {}; // SyntaxError
  }
}

/**
 * Takes a log up: makes its guard, and then adds it to the list, which a running witness follows. This alone makes a guard,
 * so that a log whose guard is gone is never taken for a new one. One that a kill has cut short goes on when it is called again, wherever that was;
 * of several at once none undoes what another has made.
 * False when it is listed already.
 * @throws TlogError malformed_key, weak_key, guard_missing, no_data, invalid_config, not_writable, commit_unknown
 */
export async function addLog(dir: WitnessDirectory, vkey: string): Promise<boolean> {
  await readWitnessManifest(dir);
  const { name: origin, keyId } = parseLogKey(vkey);
  const { logs } = witnessPaths(dir);
  const known = (await readLogList(logs)).get(origin);
  const guard = guardFolder(dir, origin);
  if (known === undefined) await removeCutShortGuard(guard);
  const isGuarded = (await stat(guard).catch(absent)) !== undefined;
  if (known !== undefined && !isGuarded)
    throw new TlogError(
      'guard_missing',
      `${origin} is a known log and its guard ${guard} is gone: restore it. It is never started again from 0`,
    );
  if (known?.some((key) => key.keyId === keyId)) return false;
  if (!isGuarded) await makeGuard(guard);
  await addToLogList(logs, vkey);
  await removeUnnamed(guard);
  return true;
}

/** What the name of a guard goes on with until it is whole: so nobody takes one that is being made for one that was cut short. */
const UNNAMED = '.new-';

/** Where another process is first, its guard says the same. */
async function makeGuard(guard: string): Promise<void> {
  const made = join(await placeBeside(guard), 'guard');
  try {
    await createFileGuard(made, FRESH_MARK);
    await rename(made, guard);
  } catch (error) {
    if (!isTaken(error) || (await stat(guard).catch(absent)) === undefined) throw error;
  }
  await syncFolder(dirname(guard));
}

/** @throws TlogError commit_unknown, not_writable */
async function placeBeside(guard: string): Promise<string> {
  try {
    await mkdir(dirname(guard), { recursive: true, mode: 0o700 });
    return await mkdtemp(`${guard}${UNNAMED}`);
  } catch (cause) {
    throw writeFailure(guard, cause);
  }
}

/** What the system says where another process has named its guard, and removed what was beside it. */
function isTaken(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code;
  return code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT' || code === 'data_exists';
}

/** Those of a guard that has its name: of this process, of one that was killed, or of one that will find it named. */
async function removeUnnamed(guard: string): Promise<void> {
  const names = (await namesIn(dirname(guard))).map((name) => join(dirname(guard), name));
  for (const path of names)
    if (path.startsWith(`${guard}${UNNAMED}`)) await rm(path, { recursive: true, force: true });
}

async function namesIn(path: string): Promise<string[]> {
  return (await readdir(path).catch(absent)) ?? [];
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
