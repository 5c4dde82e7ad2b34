import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { createCosignatureVerifier } from '../../src/core/note/cosignature.ts';
import { verifyNote } from '../../src/core/note/signed-note.ts';
import { createWitnessApp } from '../../src/http/witness-app.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { witnessOnFiles } from '../../src/witness/open-witness.ts';
import { Witness, type WitnessDeps } from '../../src/witness/running-witness.ts';
import type { WitnessAlert } from '../../src/witness/witness-alert.ts';
import { addLog, createWitness, type WitnessDirectory } from '../../src/witness/witness-directory.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { tempFolder } from './temp-folder.ts';

/** Time that passes only when told, or when somebody sleeps. */
export class HandClock implements Clock {
  ms = 1_750_000_000_000;
  #monotonic = 0;
  /** Every sleep so far, in milliseconds. */
  readonly slept: number[] = [];
  /** Called in each sleep; may set `ms`. */
  onSleep: (ms: number) => void = () => undefined;
  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.#monotonic;
  }
  pass(ms: number): void {
    this.ms += ms;
    this.#monotonic += ms;
  }
  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.pass(ms);
    this.onSleep(ms);
  }
  nextTurn(): Promise<void> {
    return Promise.resolve();
  }
}

/** Folders of a witness that follows some logs; gone when the test is over. */
export async function newWitness(
  vkeys: readonly string[],
  name = 'witness.example/w',
): Promise<WitnessDirectory> {
  const folder = await tempFolder();
  const dir = { dataPath: join(folder, 'witness'), guardPath: join(folder, 'witness.guard') };
  await createWitness(dir, name, systemRandom);
  for (const vkey of vkeys) await addLog(dir, vkey);
  return dir;
}

/** What a witness answered. */
export interface WitnessAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  /** Of a problem. */
  readonly code: string | undefined;
  readonly headers: Headers;
}

/** A witness on files, asked as over HTTP. */
export interface RunningDesk {
  readonly witness: Witness;
  readonly app: Hono;
  readonly clock: HandClock;
  readonly alerts: WitnessAlert[];
  /** Of each of those, the path of its record. */
  readonly files: (string | undefined)[];
  /** Those that could not be written. */
  readonly unkept: WitnessAlert[];
  readonly badLists: string[];
  post(body: string): Promise<WitnessAnswer>;
  get(path: string): Promise<WitnessAnswer>;
  /** The checkpoint that was cosigned last for an origin. */
  last(origin: string): Promise<WitnessAnswer>;
  close(): Promise<void>;
}

/** Opens a witness; `planted` changes what it is made of. */
export async function runWitness(
  dir: WitnessDirectory,
  {
    clock = new HandClock(),
    logRate = 0,
    planted = (deps: WitnessDeps) => deps,
  }: { clock?: HandClock; logRate?: number; planted?: (deps: WitnessDeps) => WitnessDeps } = {},
): Promise<RunningDesk> {
  const alerts: WitnessAlert[] = [];
  const files: (string | undefined)[] = [];
  const unkept: WitnessAlert[] = [];
  const badLists: string[] = [];
  const deps = await witnessOnFiles({
    ...{ dir, clock, logRate },
    onAlert: (alert, file) => {
      alerts.push(alert);
      files.push(file);
    },
    onUnkept: (_, alert) => unkept.push(alert),
    onBadList: ({ message }) => badLists.push(message),
  });
  const witness = await Witness.start(planted(deps)).catch(async (error) => {
    await deps.store.close();
    throw error;
  });
  const app = createWitnessApp({ witness });
  const ask = async (path: string, init?: RequestInit): Promise<WitnessAnswer> =>
    answerOf(await app.request(`http://witness.example${path}`, init));
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= witness.close();
    return closed;
  };
  onTestFinished(close);
  return {
    ...{ witness, app, clock, alerts, files, unkept, badLists, close },
    post: (body) => ask('/add-checkpoint', { method: 'POST', body }),
    get: (path) => ask(path),
    last: (origin) => ask(`/${originHash(origin)}/checkpoint`),
  };
}

async function answerOf(answer: Response): Promise<WitnessAnswer> {
  const { status, headers } = answer;
  const text = await answer.text();
  const type = headers.get('content-type');
  const code = type === 'application/problem+json' ? JSON.parse(text).code : undefined;
  return { status, headers, type, text, code };
}

/** Size, root and time in a note that the witness has cosigned. @throws TlogError unless its signature holds */
export async function readCosigned(
  note: string,
  vkey: string,
): Promise<{ readonly size: number; readonly root: string; readonly timeSec: number }> {
  const verifier = createCosignatureVerifier(vkey, ed25519Verify);
  const { text, verified } = await verifyNote(note, [verifier]);
  const [, size, root = ''] = text.split('\n');
  const [line] = verified;
  return { size: Number(size), root, timeSec: line === undefined ? 0 : verifier.time(line.signature) };
}

/** Alerts that are on the disk, by file name. */
export async function keptAlert(dir: WitnessDirectory, name: string): Promise<string> {
  return readFile(join(dir.dataPath, 'alerts', name), 'utf8');
}
