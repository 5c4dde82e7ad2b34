import { createHash } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { createApp } from '../../src/http/app.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createDataDirectory, createLog } from '../../src/sequencer/create-log.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import type { LogManifest } from '../../src/sequencer/manifest.ts';
import { logOnFiles, type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

/** Who writes in the sweep. */
export const TOKEN: string = `stele_00000000_${'a'.repeat(43)}`;
const TOKEN_SHA256 = createHash('sha256').update(TOKEN).digest('hex');
/** Four commits a minute, so that heads are kept. Fixed moments: a seed makes the same files each time. */
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2050, 0, 1);
/** The time in which copies are read and extended: long after the last commit. */
export const SWEEP_CLOCK: Clock = { ...systemClock, nowMs: () => Date.UTC(2060, 0, 1) };

/** A log and what it answered to everything before anything was damaged. */
export interface Reference {
  readonly folder: string;
  /** The folder after half of its sessions. */
  readonly older: string;
  readonly manifest: LogManifest;
  readonly entries: readonly Buffer[];
  /** Body, or status where that is the answer, by path. */
  readonly answers: ReadonlyMap<string, string>;
  /** Index of the first entry by Idempotency-Key. */
  readonly keyed: ReadonlyMap<string, number>;
}

/** Where data and guard lie in a folder of the sweep. */
export function directoryIn(folder: string): DataDirectory {
  return { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
}

/** The HTTP interface of an open log, without a socket. */
export function appOf(log: OpenLog): ReturnType<typeof createApp> {
  return createApp({
    logs: { names: () => ['main'], get: (name) => (name === 'main' ? log : undefined) },
    tokens: () => [{ id: '00000000', sha256: TOKEN_SHA256, scopes: ['append'], logs: '*' }],
    clock: SWEEP_CLOCK,
  });
}

/** Posts one entry, under a key or none. */
export function post(app: ReturnType<typeof createApp>, entry: Buffer, key?: string): Promise<Response> {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/octet-stream',
    ...(key === undefined ? {} : { 'idempotency-key': key }),
  };
  return Promise.resolve(
    app.request('/logs/main/entries', { method: 'POST', headers, body: new Uint8Array(entry) }),
  );
}

/** Grows a log over some sessions, the last of which is not closed in order, and records all its answers. */
export async function makeReference(folder: string, size: number, random: SeededRandom): Promise<Reference> {
  const dir = directoryIn(folder);
  await createDataDirectory(dir);
  let nowMs = START_MS;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const manifest = await createLog(
    { dir, clock, random: (length) => random.bytes(length) },
    { name: 'main', kind: 'entries', origin: 'sweep.example/main' },
  );
  const entries: Buffer[] = [];
  const keyed = new Map<string, number>();
  const sessions = 6;
  for (let session = 1; session <= sessions; session += 1) {
    const log = await startLog(await logOnFiles({ dir, clock }, 'main'));
    const app = appOf(log);
    while (entries.length < (size * session) / sessions) {
      nowMs += MINUTE_MS / 4;
      const key = random.next() < 0.3 ? `key-${entries.length}` : undefined;
      const entry = Buffer.from(
        `${entries.length} ${random.bytes(random.int(10, 200)).toString('latin1')}`,
        'utf8',
      );
      if (key !== undefined) keyed.set(key, entries.length);
      entries.push(entry);
      if ((await post(app, entry, key)).status !== 201) throw new Error('the reference does not grow');
    }
    if (session === sessions / 2) await cp(folder, `${folder}-older`, { recursive: true });
    await log.close();
  }
  return { folder, older: `${folder}-older`, manifest, entries, keyed, answers: new Map() };
}

/** Every path that is read in the sweep. */
export function pathsOf({ entries }: Pick<Reference, 'entries'>): string[] {
  const size = entries.length;
  const width = size % 256;
  const paths = ['checkpoint', 'log', 'checkpoints?from=0'];
  for (let index = 0; index * 256 < size; index += 1) {
    const number = String(index).padStart(3, '0');
    const part = (index + 1) * 256 > size ? `.p/${width}` : '';
    paths.push(`tile/0/${number}${part}`, `tile/entries/${number}${part}`);
    paths.push(`entries?start=${index * 256}&end=${Math.min(size, (index + 1) * 256)}`);
  }
  paths.push(`tile/1/000.p/${Math.floor(size / 256)}`);
  for (let index = 0; index < size; index += 37) {
    const leafHash = Buffer.from(portableHasher.leafHash(entries[index] ?? Buffer.alloc(0))).toString('hex');
    paths.push(`proofs/inclusion?leafHash=${leafHash}&treeSize=${size}`, `entries/${index}`);
    paths.push(`proofs/inclusion?index=${index}`, `proofs/consistency?from=${index}&to=${size}`);
  }
  return paths;
}

/** What a log answers to each path: the body of a 200 in hex, else the status. */
export async function answersOf(
  app: ReturnType<typeof createApp>,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const path of paths) {
    const response = await app.request(`/logs/main/${path}`);
    const body = Buffer.from(await response.arrayBuffer());
    answers.set(path, response.status === 200 ? body.toString('hex') : `${response.status}`);
  }
  return answers;
}

/** The reference with its answers, read from a copy: opening a log changes its files. */
export async function withAnswers(reference: Reference): Promise<Reference> {
  const copy = `${reference.folder}-read`;
  await cp(reference.folder, copy, { recursive: true });
  const log = await openLog({ dir: directoryIn(copy), clock: SWEEP_CLOCK }, 'main');
  const answers = await answersOf(appOf(log), pathsOf(reference));
  await log.close();
  const [refused] = [...answers].filter(([, answer]) => answer.length === 3);
  if (refused !== undefined) throw new Error(`the reference answers ${refused.join(' with ')}`);
  return { ...reference, answers };
}

/** For the process that tries copies. */
export function toJson({ entries, answers, keyed, ...rest }: Reference): string {
  const texts = {
    entries: entries.map((entry) => entry.toString('base64')),
    answers: [...answers],
    keyed: [...keyed],
  };
  return JSON.stringify({ ...rest, ...texts });
}

/** What toJson made. */
export function fromJson(text: string): Reference {
  const { entries, answers, keyed, ...rest } = JSON.parse(text);
  return {
    ...rest,
    entries: entries.map((entry: string) => Buffer.from(entry, 'base64')),
    answers: new Map(answers),
    keyed: new Map(keyed),
  };
}
