import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../harness/bench.ts';
import { type Child, runForText, startChild } from '../harness/child.ts';
import { BATCH_ENTRIES_MAX, EntrySource } from '../harness/entries.ts';

const ORIGIN = 'bench.example';
const READY_MS = 60_000;
/** Requests under way while a log is filled: the next is read while the last is synced. */
const FILL_REQUESTS = 2;

/** What a log answers that takes no more now, such as while its database makes room; and how long that may be. */
const BUSY = 503;
const RETRY_MS = 1_000;
const FILL_TRIES = 60;

export const ENTRY_TYPE = 'application/octet-stream';
export const LINES_TYPE = 'application/x-ndjson';
export const BUNDLE_TYPE = 'application/vnd.stele.entry-bundle';

/** A data directory and the token that may append to its log `main`. */
export interface Place {
  readonly data: string;
  readonly token: string;
}

/** The log's server in a process of its own. `url` is that of the log, `appends` the path below it that takes what is new. */
export interface SteleServer extends Child {
  readonly root: string;
  readonly appends: 'entries' | 'events';
  readonly place: Place;
  /** Headers of an append. */
  headers(contentType: string): Record<string, string>;
}

/** Makes a log. The index of leaf hashes is on, as by default, unless said otherwise. */
export async function initStele(
  bench: Bench,
  options: { readonly leafHashIndex?: boolean } = {},
): Promise<Place> {
  const data = join(await bench.folder(), 'data');
  const said = await runForText(process.execPath, [
    bench.program,
    'init',
    '--json',
    '--data',
    data,
    '--origin',
    ORIGIN,
  ]);
  const { token }: { token: string } = JSON.parse(said);
  if (options.leafHashIndex === false) await switchIndexOff(data);
  return { data, token };
}

/** No flag makes a log without the index; before its first entry the manifest may say so. */
async function switchIndexOff(data: string): Promise<void> {
  const path = join(data, 'logs', 'main', 'log.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, leafHashIndex: false }));
}

/** Flags of node in place of those that the program chooses, and what it finds in its environment. */
export interface NodeOptions {
  readonly nodeFlags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Serves a log until disposed; a clean stop. */
export async function serveStele(bench: Bench, place: Place, node?: NodeOptions): Promise<SteleServer> {
  const args = ['serve', '--json', '--listen', '127.0.0.1:0', '--data', place.data];
  // As a program, so that its first line chooses the flags of node as it does for `npx stele`.
  const child =
    node === undefined
      ? await startChild(bench.program, args)
      : await startChild(process.execPath, [...node.nodeFlags, bench.program, ...args], node.env);
  const headers = (type: string): Record<string, string> => ({
    Authorization: `Bearer ${place.token}`,
    'Content-Type': type,
  });
  const log = { root: child.url, url: `${child.url}/logs/main`, appends: 'entries' as const };
  return { ...child, ...log, place, headers };
}

/** The log of audit events of the same server. */
export function eventsOf(server: SteleServer): SteleServer {
  return { ...server, url: `${server.root}/logs/audit`, appends: 'events' };
}

/** A new log, served. */
export async function startStele(
  bench: Bench,
  options: { readonly leafHashIndex?: boolean } = {},
): Promise<SteleServer> {
  return serveStele(bench, await initStele(bench, options));
}

/** Waits until the server says that it is ready. @throws Error after a minute */
export async function waitReady({ root }: SteleServer): Promise<void> {
  const signal = AbortSignal.timeout(READY_MS);
  while (!(await fetch(`${root}/readyz`, { signal })).ok) signal.throwIfAborted();
}

/** Appends so many new entries in the largest batches. */
export async function fill(
  server: SteleServer,
  entries: number,
  onBatch?: (done: number) => void,
): Promise<void> {
  const source = new EntrySource();
  let left = entries;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(BATCH_ENTRIES_MAX, left);
      left -= count;
      await postInTime(server, BUNDLE_TYPE, source.bundle(count));
      onBatch?.(entries - left);
    }
  };
  await Promise.all(Array.from({ length: FILL_REQUESTS }, worker));
}

/** One append, again after a second where the log has too much to do: then nothing was added. */
async function postInTime(server: SteleServer, type: string, body: Buffer<ArrayBuffer>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const response = await send(server, type, body);
    if (response.status !== BUSY || tries === FILL_TRIES) {
      await answerOf(response);
      return;
    }
    await response.arrayBuffer();
    await sleep(RETRY_MS);
  }
}

function send(server: SteleServer, type: string, body: Buffer<ArrayBuffer>): Promise<Response> {
  return fetch(`${server.url}/${server.appends}`, { method: 'POST', headers: server.headers(type), body });
}

/** One append. @throws Error when it is refused */
export async function post(server: SteleServer, type: string, body: Buffer<ArrayBuffer>): Promise<Answer> {
  return answerOf(await send(server, type, body));
}

/** The bytes of an answer and their media type. */
export interface Answer {
  readonly bytes: Buffer;
  readonly type: string;
}

/** One read of the log. @throws Error when it is refused */
export async function get(
  server: SteleServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return answerOf(await fetch(`${server.url}/${path}`, { headers }));
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${bytes.toString('utf8', 0, 500)}`);
  return { bytes, type: response.headers.get('content-type') ?? ENTRY_TYPE };
}
