import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { LOG_NAME } from '../core/log-name.ts';
import { type LogManifest, manifestSchema, SCHEMA } from './manifest.ts';

/** Where a server keeps its logs, and where it remembers how far it has signed. */
export interface DataDirectory {
  readonly dataPath: string;
  readonly guardPath: string;
}

/** Paths of one log. */
export interface LogPaths {
  readonly root: string;
  readonly manifest: string;
  readonly key: string;
  readonly db: string;
  readonly guard: string;
}

/** @throws TlogError invalid_parameter when the name is not one */
export function logPaths(dir: DataDirectory, name: string): LogPaths {
  if (!LOG_NAME.test(name)) {
    throw new TlogError(
      'invalid_parameter',
      `log name ${JSON.stringify(name.slice(0, 80))}: use a-z, 0-9 and -, at most 63`,
    );
  }
  return pathsIn(join(dir.dataPath, 'logs', name), join(dir.guardPath, name));
}

/** Paths of a log in its folder. */
export function pathsIn(root: string, guard: string): LogPaths {
  return { root, manifest: join(root, 'log.json'), key: join(root, 'key'), db: join(root, 'db'), guard };
}

/** Whether each of the two folders is there and not empty. @throws TlogError invalid_config where one is no folder */
export async function dataDirectoryExists(dir: DataDirectory): Promise<{ data: boolean; guard: boolean }> {
  return { data: await holdsFiles(dir.dataPath), guard: await holdsFiles(dir.guardPath) };
}

async function holdsFiles(path: string): Promise<boolean> {
  return (await namesIn(path)).length > 0;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw notAsLaidOut(path, error);
  }
}

/** @throws TlogError no_data, schema_unsupported */
export async function checkDataDirectory(dir: DataDirectory): Promise<void> {
  const path = join(dir.dataPath, 'stele.json');
  const { schema } = await readJson(path);
  if (schema !== SCHEMA) throw unsupported(path, schema);
}

/** What a log is. @throws TlogError no_data, schema_unsupported, invalid_config */
export async function readManifest(dir: DataDirectory, name: string): Promise<LogManifest> {
  const path = logPaths(dir, name).manifest;
  const manifest = await readJson(path);
  if (manifest['schema'] !== SCHEMA) throw unsupported(path, manifest['schema']);
  const checked = manifestSchema.safeParse(manifest);
  const [issue] = checked.error?.issues ?? [];
  if (issue !== undefined)
    throw new TlogError('invalid_config', `${path}: ${issue.path.join('.')}: ${issue.message}`);
  if (checked.data?.name !== name)
    throw new TlogError('invalid_config', `${path}: name: it is of another log, moved or copied here`);
  return checked.data;
}

/** Every log in the directory, `main` first, then by name. @throws TlogError invalid_config where one is no folder, and as readManifest does */
export async function listLogs(dir: DataDirectory): Promise<readonly LogManifest[]> {
  const names = (await namesIn(join(dir.dataPath, 'logs'))).filter((name) => LOG_NAME.test(name));
  const manifests: LogManifest[] = [];
  for (const name of names.sort().sort((a, b) => rank(a) - rank(b))) {
    // A log whose creation was cut short has no manifest: it is not there.
    if (await fileExists(logPaths(dir, name).manifest)) manifests.push(await readManifest(dir, name));
  }
  return manifests;
}

function rank(name: string): number {
  return name === 'main' ? 0 : 1;
}

async function fileExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw notAsLaidOut(path, error);
  }
}

/** A file where a folder belongs, above all: what lies there is not what a server made (spec STORE-10). */
function notAsLaidOut(path: string, cause: unknown): TlogError {
  const message = `${path} cannot be looked at (${(cause as Error).message}): move away what stands in its place, or name another folder`;
  return new TlogError('invalid_config', message, { cause });
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) throw new TypeError('no JSON object');
    return value as Record<string, unknown>;
  } catch (cause) {
    throw new TlogError(
      'no_data',
      `cannot read ${path}: run stele init, or name the right directory with --data`,
      { cause },
    );
  }
}

function unsupported(path: string, schema: unknown): TlogError {
  return new TlogError(
    'schema_unsupported',
    `${path} has schema ${JSON.stringify(schema)}; this version reads ${SCHEMA}`,
  );
}
