import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Mode } from './bench.ts';
import { runForText } from './child.ts';
import type { RowResult } from './finding.ts';
import { RESULTS, ROOT } from './paths.ts';
import type { Pace } from './rounds.ts';

/** Everything needed to judge a run, or to repeat it. */
export interface Results {
  readonly schema: 1;
  readonly mode: Mode;
  readonly startedAt: string;
  readonly commit: string;
  /** Whether tracked files differed from the commit. */
  readonly modified: boolean;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly method: Pace & Readonly<Record<string, string | number>>;
  readonly rows: readonly RowResult[];
}

/** The machine, without names. `load` is the load average before the run: other work spoils a bench. */
export function describeMachine(disk: string): Results['machine'] {
  const [cpu] = cpus();
  const system = { platform: platform(), arch: arch(), kernel: release() };
  const load = Number(loadavg()[0]?.toFixed(2));
  return { cpu: cpu?.model ?? '', cores: cpus().length, memoryBytes: totalmem(), ...system, disk, load };
}

/** Versions of what is measured and of what measures. */
export async function describeVersions(goVersion: string | undefined): Promise<Results['versions']> {
  const lock: { version: string; packages: Record<string, { version?: string }> } = JSON.parse(
    await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  const names = ['autocannon', 'hono', '@hono/node-server', 'level', 'classic-level'];
  const packages = names.map((name) => [name, lock.packages[`node_modules/${name}`]?.version ?? '']);
  const go: Record<string, string> = goVersion === undefined ? {} : { go: goVersion, tessera: 'v1.0.4' };
  return { stele: lock.version, node: process.version, ...Object.fromEntries(packages), ...go };
}

/** The commit that is measured; `unknown` outside of a checkout. */
export async function describeCommit(): Promise<Pick<Results, 'commit' | 'modified'>> {
  const git = (...args: string[]): Promise<string> => runForText('git', args, ROOT);
  const commit = await git('rev-parse', 'HEAD').catch(() => 'unknown');
  const changes = await git('status', '--porcelain', '--untracked-files=no').catch(() => 'unknown');
  return { commit, modified: changes !== '' };
}

/** The file of a run: one a mode and start. */
export function resultsPath({ mode, startedAt, commit }: Results): string {
  const time = startedAt.replace(/\..*/, '').replaceAll(':', '');
  return join(RESULTS, `${time}-${mode}-${commit.slice(0, 8)}.json`);
}

/** Writes what a run has so far, so that an end half-way loses one row at most. */
export async function writeResults(results: Results): Promise<string> {
  const path = resultsPath(results);
  await mkdir(RESULTS, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(results, shortNumber, 1)}\n`);
  await rename(`${path}.new`, path);
  return path;
}

/** Six digits are more than a measurement is worth. */
function shortNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

/** What was written as JSON, which has no word for a number that is none. */
export function parseMeasured<T>(text: string): T {
  return JSON.parse(text, (_, value) => (value === null ? Number.NaN : value));
}

/** A run that was written. */
export async function readResults(file: string): Promise<Results> {
  return parseMeasured(await readFile(file, 'utf8'));
}

/** The runs as one: a row that was measured again is the last one's, and new rows follow. */
export function withLater(first: Results, later: readonly Results[]): Results {
  const rows = new Map([first, ...later].flatMap((run) => run.rows).map((row) => [row.row, row]));
  return { ...first, rows: [...rows.values()] };
}

/** All runs that were written, oldest first. */
export async function readAllResults(): Promise<Results[]> {
  const names = (await readdir(RESULTS).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(names.map((name) => readResults(join(RESULTS, name))));
}
