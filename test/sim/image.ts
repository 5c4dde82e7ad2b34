import { createPrivateKey, sign } from 'node:crypto';
import { createNoteVerifier, type NoteSigner } from '../../src/core/note/verifier.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { HeadSigner } from '../../src/sequencer/head-signer.ts';
import type { LogManifest } from '../../src/sequencer/manifest.ts';
import { QUEUE_LIMITS } from '../../src/sequencer/pending-queue.ts';
import { encodeCleanStop } from '../../src/sequencer/recovery.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { createFileGuard } from '../../src/store/file-guard.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { encodeState, OPEN_KEY, STATE_KEY } from '../../src/store/rows.ts';
import { Disk } from './disk.ts';
import { Engine } from './engine.ts';
import { probeText, requestOf } from './event-tasks.ts';
import { GuardDisk } from './guard-disk.ts';
import { leafHash } from './hasher.ts';
import type { Plan } from './plan.ts';
import { Faults, type Machine, Process } from './process.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Server, type Site } from './server.ts';
import { TreeModel } from './tree-model.ts';

export const ORIGIN = 'sim.example/main';
const seedOf = (byte: number) => () => new Uint8Array(32).fill(byte);
const own = generateSigningKey(seedOf(11), ORIGIN);
/** The key of every log here, and one that is not. */
export const KEY: NoteSigner = createSigner(own.skey);
export const WRONG_KEY: NoteSigner = createSigner(generateSigningKey(seedOf(12), ORIGIN).skey);
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seedOf(11)()]),
  format: 'der',
  type: 'pkcs8',
});
/** The signature of the log's key over a text, by code that is not the log's. */
export function signatureOf(text: string): string {
  return sign(null, Buffer.from(text), privateKey).toString('base64');
}

/** A log before anything happens to it. */
export interface Image {
  readonly disk: Disk;
  readonly guardDisk: GuardDisk;
  readonly tree: TreeModel;
}

/** What of a plan a log is made by. */
export type LogSort = Pick<Plan, 'duplicates' | 'leafHashIndex' | 'events'>;

export function manifestOf({ duplicates, leafHashIndex, events }: LogSort): LogManifest {
  const kind = events === true ? 'events' : 'entries';
  const fixed = { schema: 1, name: 'main', kind, origin: ORIGIN, vkey: own.vkey } as const;
  return { ...fixed, duplicates, leafHashIndex, createdAt: '2026-01-01T00:00:00.000Z' };
}

const images = new Map<string, Image>();

/** The log of a size, made once by the production code on disks without faults. */
export async function imageOf(log: LogSort, size: number): Promise<Image> {
  const name = `${log.duplicates} ${log.leafHashIndex} ${log.events} ${size}`;
  const known = images.get(name);
  if (known !== undefined) return known;
  const made = await makeImage(log, size);
  images.set(name, made);
  return made;
}

async function makeImage(log: LogSort, size: number): Promise<Image> {
  const machine = { scheduler: new Scheduler(), latency: new Random(0), faults: new Faults(), callMs: 1 };
  const image = { disk: new Disk('image'), guardDisk: new GuardDisk(), tree: new TreeModel() };
  await driven(machine, create(machine, image));
  image.disk.events.create(0);
  const site: Site = {
    machine,
    manifest: manifestOf(log),
    guardDisk: image.guardDisk,
    queue: QUEUE_LIMITS,
    secrets: new Random(0, 6),
    check: { tailEntries: 100_000, beforeStartMax: 1_000_000 },
    scrubMs: undefined,
    seams: {},
    wallErrorMs: -86_400_000,
    publishedSize: () => 0,
    onSignature: () => undefined,
    onTrouble: () => undefined,
  };
  await driven(machine, grow(new Server('image', site, image.disk, KEY), image.tree, size));
  image.disk.fold();
  return image;
}

async function create(machine: Machine, image: Image): Promise<void> {
  const process = new Process('init', machine);
  const store = new CheckedStore(
    await LevelStore.create(
      'db',
      (_, mode) => new Engine(process, image.disk, { ...mode, errorIfExists: false }),
    ),
  );
  const state = { size: treeSize(0), rootHash: nodeHasher.emptyRoot, committedAtMs: 0, keptEnd: 0 };
  const puts = [
    { key: STATE_KEY, value: encodeState(state) },
    { key: OPEN_KEY, value: encodeCleanStop(state.size) },
  ];
  await store.commit({ puts, deletes: [] });
  await store.close();
  const signer = new HeadSigner(ORIGIN, KEY, createNoteVerifier(own.vkey, ed25519Verify));
  await createFileGuard('/guard/main', await signer.sign(treeSize(0), nodeHasher.emptyRoot), {
    files: image.guardDisk.files(process),
  });
}

const STEP = 4_096;

async function grow(server: Server, tree: TreeModel, size: number): Promise<void> {
  const log = await server.start();
  while (tree.size < size) {
    const count = Math.min(STEP, size - tree.size);
    const names = Array.from({ length: count }, (_, i) => `base ${tree.size + i}`);
    const { events } = log;
    if (events === undefined) await log.append({ entries: names.map((name) => Buffer.from(name)) });
    else await events.append(requestOf(names.map(probeText), undefined, events));
    const entries = await entriesFrom(log, tree.size);
    for (const entry of entries) tree.push(Buffer.from(leafHash(entry)));
  }
  await log.close();
}

const PAGE = 1_000;

async function entriesFrom(log: RunningLog, start: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (let at = start; at < log.head.size; at += PAGE)
    entries.push(...(await log.readEntries(leafIndex(at), treeSize(Math.min(at + PAGE, log.head.size)))));
  return entries;
}

/** Runs the machine until the work is done. */
async function driven(machine: Machine, work: Promise<void>): Promise<void> {
  let failure: unknown;
  let isDone = false;
  work.then(
    () => {
      isDone = true;
    },
    (error: unknown) => {
      failure = error;
    },
  );
  await new Promise<void>((resolve) => setImmediate(resolve));
  while (!isDone && failure === undefined) {
    if (!(await machine.scheduler.step())) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (failure !== undefined) throw failure;
}
