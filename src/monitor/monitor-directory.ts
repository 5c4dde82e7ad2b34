import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { removeCutShortGuard } from '../store/cut-short-guard.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { createFileGuard, FileGuard } from '../store/file-guard.ts';
import type { Guard } from '../store/guard.ts';
import { nodeGuardFiles } from '../store/guard-files.ts';
import { LevelStore } from '../store/level-store.ts';
import { FRESH_MARK, isAbove, originHash } from '../witness/witness-record.ts';

/** Version of what a monitor has on disk. */
const SCHEMA = 1;
const FIRST_FILE = `# What this monitor follows: docs/how-to/run-a-monitor.md. Read at a start.
logs: []
peers: []
`;

/** Where a monitor keeps what it has verified, and where it remembers how far it has come. */
export interface MonitorDirectory {
  readonly dataPath: string;
  readonly guardPath: string;
}

/** Paths within. */
export function monitorPaths({ dataPath }: MonitorDirectory): {
  readonly manifest: string;
  readonly db: string;
  readonly settings: string;
  readonly evidence: string;
  readonly outbox: string;
} {
  const inData = (name: string): string => join(dataPath, name);
  return {
    manifest: inData('stele-monitor.json'),
    db: inData('db'),
    settings: inData('monitor.yaml'),
    evidence: inData('evidence'),
    outbox: inData('outbox'),
  };
}

/** Makes a monitor that follows no log yet. @throws TlogError data_exists */
export async function createMonitor(dir: MonitorDirectory): Promise<void> {
  for (const path of [dir.dataPath, dir.guardPath]) {
    if ((await namesIn(path)).length > 0)
      throw new TlogError('data_exists', `${path} is not empty; a new monitor needs folders of its own`);
  }
  const paths = monitorPaths(dir);
  for (const path of [paths.evidence, dir.guardPath]) await mkdir(path, { recursive: true, mode: 0o700 });
  const store = await LevelStore.create(paths.db);
  await store.close();
  await writeFileDurably(paths.settings, FIRST_FILE);
  // Last: a creation that was cut short is no monitor.
  await writeFileDurably(paths.manifest, `${JSON.stringify({ schema: SCHEMA })}\n`);
}

/** @throws TlogError no_data, schema_unsupported */
export async function checkMonitorManifest(dir: MonitorDirectory): Promise<void> {
  const path = monitorPaths(dir).manifest;
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    const message = `cannot read ${path}: run stele monitor init, or name the right directory with --data`;
    throw new TlogError('no_data', message, { cause });
  });
  if (schemaOf(text) === SCHEMA) return;
  throw new TlogError('schema_unsupported', `${path} is not of a monitor of schema ${SCHEMA}`);
}

function schemaOf(text: string): unknown {
  try {
    return ({ ...(JSON.parse(text) as object) } as { schema?: unknown }).schema;
  } catch {
    return undefined; // SyntaxError
  }
}

/**
 * The guard of an origin. One is made where neither guard nor record is there, or the making of the guard was cut short: then the log is
 * a new one. `hasRecord` says whether the database knows the log.
 * @throws TlogError guard_missing, and as FileGuard.takeOver
 */
export async function takeMonitorGuard(
  dir: MonitorDirectory,
  origin: string,
  hasRecord: boolean,
): Promise<Guard> {
  const folder = join(dir.guardPath, originHash(origin));
  if (!hasRecord) await removeCutShortGuard(folder);
  const isThere = (await stat(folder).catch(absent)) !== undefined;
  if (!isThere && hasRecord)
    throw new TlogError(
      'guard_missing',
      `${origin} is a known log and its guard ${folder} is gone: restore it`,
    );
  if (!isThere) await createFileGuard(folder, FRESH_MARK);
  return FileGuard.takeOver(folder, nodeGuardFiles, isAbove);
}

async function namesIn(path: string): Promise<string[]> {
  return (await readdir(path).catch(absent)) ?? [];
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
