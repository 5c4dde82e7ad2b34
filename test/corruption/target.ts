import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSettings } from '../../src/cli/config-file.ts';
import { readTokens } from '../../src/cli/token-file.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createApp } from '../../src/http/app.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { checkDataDirectory, type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import type { LogManifest } from '../../src/sequencer/manifest.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { publishedFile } from '../../src/witnessing/published-file.ts';
import { PublishedHeads } from '../../src/witnessing/published-heads.ts';

/** A request that was answered, and may be sent again. */
export interface Sent {
  readonly body: string;
  readonly key?: string;
  /** Of the first entry. */
  readonly index: number;
}

/** A log and what it answered to everything before anything was damaged. */
export interface Target {
  /** Holds `data` and `data.guard`. */
  readonly folder: string;
  /** The folder after half of its sessions. */
  readonly older: string;
  readonly manifest: LogManifest;
  /** May do everything. */
  readonly token: string;
  /** Of the witnesses without which nothing is published; absent: all is. */
  readonly policy?: string;
  readonly entries: readonly Buffer[];
  /** Body, or status where that is the answer, by path. */
  readonly answers: ReadonlyMap<string, string>;
  readonly sent: readonly Sent[];
  /** It has an open finding: nothing is appended, and retries are refused too. */
  readonly takesNothing?: true;
}

/** The time in which copies are read and extended: long after the last commit. */
export const SWEEP_CLOCK: Clock = { ...systemClock, nowMs: () => Date.UTC(2060, 0, 1) };

/** Where data and guard lie in a folder of the sweep. */
export function directoryIn(folder: string): DataDirectory {
  return { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
}

export type App = ReturnType<typeof createApp>;

/** The settings, read as every command does first. @throws TlogError invalid_config */
export async function readSettings({ dataPath }: DataDirectory): Promise<{ reserveBytes?: number }> {
  const path = join(dataPath, 'config.yaml');
  const { reserveBytes } = fileSettings(await readFile(path, 'utf8').catch(() => ''), path);
  return reserveBytes === undefined ? {} : { reserveBytes };
}

/** Opens a log as a server does. @throws TlogError of kind refused */
export async function serveTarget(
  dir: DataDirectory,
  { manifest: { name }, policy }: Pick<Target, 'manifest' | 'policy'>,
): Promise<OpenLog> {
  const settings = await readSettings(dir);
  await checkDataDirectory(dir);
  const log = await openLog({ dir, clock: SWEEP_CLOCK }, name, settings);
  if (policy === undefined) return log;
  const file = publishedFile(logPaths(dir, name).root);
  try {
    log.publishBy(await PublishedHeads.open({ log, policy: parsePolicy(policy), file }));
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The HTTP interface of an open log, without a socket. */
export function appOf(dir: DataDirectory, log: OpenLog): App {
  const tokens = readTokens(dir.dataPath);
  // Whoever asks is told; a log may also be read without.
  tokens.catch(() => undefined);
  return createApp({
    logs: { names: () => [log.name], get: (name) => (name === log.name ? log : undefined) },
    tokens: () => tokens,
    clock: SWEEP_CLOCK,
  });
}

/** Sends one entry, or events, under a key or none. */
export async function send(
  app: App,
  { manifest: { name, kind }, token }: Pick<Target, 'manifest' | 'token'>,
  { body, key }: Omit<Sent, 'index'>,
): Promise<Response> {
  const isLines = body.includes('\n');
  const type = kind === 'entries' ? 'octet-stream' : isLines ? 'x-ndjson' : 'json';
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': `application/${type}`,
    ...(key === undefined ? {} : { 'idempotency-key': key }),
  };
  return app.request(`/logs/${name}/${kind}`, { method: 'POST', headers, body });
}

/** What a log answers to each path: the body of a 200 in hex, else the status. */
export async function answersOf(
  app: App,
  { manifest: { name }, token }: Pick<Target, 'manifest' | 'token'>,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const path of paths) {
    const headers = path.startsWith('events') ? { authorization: `Bearer ${token}` } : {};
    const response = await app.request(`/logs/${name}/${path}`, { headers });
    const body = Buffer.from(await response.arrayBuffer());
    answers.set(path, response.status === 200 ? body.toString('hex') : `${response.status}`);
  }
  return answers;
}

/** For the process that tries copies. */
export function toJson(targets: readonly Target[]): string {
  const texts = targets.map(({ entries, answers, ...rest }) => ({
    ...rest,
    entries: entries.map((entry) => entry.toString('base64')),
    answers: [...answers],
  }));
  return JSON.stringify(texts);
}

/** What toJson made. */
export function fromJson(text: string): readonly Target[] {
  const targets: { entries: string[]; answers: [string, string][] }[] = JSON.parse(text);
  return targets.map(
    ({ entries, answers, ...rest }) =>
      ({
        ...rest,
        entries: entries.map((entry) => Buffer.from(entry, 'base64')),
        answers: new Map(answers),
      }) as unknown as Target,
  );
}
