import { createHash } from 'node:crypto';
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createToken } from '../../src/cli/token-file.ts';
import { COSIGNATURE_V1 } from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { openEventFiles } from '../../src/events/event-files.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { LogPass, newPass } from '../../src/scrub/pass.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import { createDataDirectory, createLog } from '../../src/sequencer/create-log.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { publishedFile } from '../../src/witnessing/published-file.ts';
import { PublishedHeads } from '../../src/witnessing/published-heads.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { requestOf } from './requests.ts';
import { answersOf, appOf, directoryIn, type Sent, send, serveTarget, type Target } from './target.ts';

/** Four commits a minute, so that heads are kept. Fixed moments: a seed makes the same files each time. */
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2050, 0, 1);
const SESSIONS = 6;
/** Steps of a pass of scrubbing in a session: it ends in the middle of one. */
const SCRUB_STEPS = 3;
const PAGE = 1_000;

/** The logs of one data directory, and the last of them once more with a finding of damage. */
export interface Reference {
  readonly entries: Target;
  readonly events: Target;
  readonly damaged: Target;
}

/** A log while it is made. */
interface Growing {
  readonly target: Target;
  readonly witness?: ReturnType<typeof createCosigner>;
  readonly sent: Sent[];
  size: number;
}

/** Grows a log of entries, and one of events with a witness, over some sessions. */
export async function makeReference(folder: string, size: number, random: SeededRandom): Promise<Reference> {
  const growth = new Growth(folder, random);
  const [entries, events] = await growth.run(size);
  return { entries, events, damaged: await withFinding(events) };
}

class Growth {
  readonly #folder: string;
  readonly #dir: DataDirectory;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  #nowMs = START_MS;

  constructor(folder: string, random: SeededRandom) {
    this.#folder = folder;
    this.#dir = directoryIn(folder);
    this.#random = random;
    this.#clock = { ...systemClock, nowMs: () => this.#nowMs };
  }

  async run(size: number): Promise<readonly [Target, Target]> {
    await createDataDirectory(this.#dir);
    await writeFile(join(this.#dir.dataPath, 'config.yaml'), 'reserveBytes: 0\nscrubSeconds: 3600\n');
    const token = await this.#token();
    const logs = [await this.#create('main', token), await this.#create('audit', token)] as const;
    for (let session = 1; session <= SESSIONS; session += 1) {
      for (const log of logs) await this.#session(log, (size * session) / SESSIONS);
      if (session !== SESSIONS / 2) continue;
      await cp(this.#folder, `${this.#folder}-older`, { recursive: true });
      await this.#token();
    }
    return [await this.#finished(logs[0]), await this.#finished(logs[1])];
  }

  async #token(): Promise<string> {
    const random = (length: number): Uint8Array => this.#random.bytes(length);
    const deps = { dataPath: this.#dir.dataPath, nowMs: this.#nowMs, random };
    const scopes = ['append', 'read', 'query'] as const;
    return (await createToken(deps, { scopes, logs: '*' })).token;
  }

  async #create(name: 'main' | 'audit', token: string): Promise<Growing> {
    const random = (length: number): Uint8Array => this.#random.bytes(length);
    const kind = name === 'main' ? 'entries' : 'events';
    const origin = `sweep.example/${name}`;
    const deps = { dir: this.#dir, clock: this.#clock, random };
    const manifest = await createLog(deps, { name, kind, origin });
    const target = {
      ...{ folder: this.#folder, older: `${this.#folder}-older`, manifest, token },
      ...{ entries: [], answers: new Map<string, string>(), sent: [] },
    };
    if (kind === 'entries') return { target, sent: [], size: 0 };
    const witness = createCosigner(generateSigningKey(random, 'witness.example', COSIGNATURE_V1).skey);
    const policy = `log ${manifest.vkey}\nwitness w ${witness.vkey}\nquorum w\n`;
    return { target: { ...target, policy }, witness, sent: [], size: 0 };
  }

  /** Appends up to a size, has some of it cosigned, and scrubs a bit. */
  async #session(growing: Growing, size: number): Promise<void> {
    const { target, sent } = growing;
    const { name } = target.manifest;
    const { root } = logPaths(this.#dir, name);
    const files = await logOnFiles({ dir: this.#dir, clock: this.#clock }, name);
    const random = (length: number): Uint8Array => this.#random.bytes(length);
    const log = await startLog({ ...files, openEvents: (end) => openEventFiles(root, end, random) });
    const app = appOf(this.#dir, log);
    await cosign(log, growing, root, this.#nowMs);
    while (growing.size < size) {
      this.#nowMs += MINUTE_MS / 4;
      const request = requestOf(target.manifest.kind, growing.size, this.#random);
      const answer = await send(app, target, request);
      if (answer.status !== 201) throw new Error(`the reference does not grow: ${await answer.text()}`);
      sent.push({ ...request, index: growing.size });
      growing.size += request.count;
    }
    await scrub(log, root, this.#nowMs);
    await log.close();
  }

  /** With its answers, read from a copy: opening a log changes its files. */
  async #finished({ target, sent, size }: Growing): Promise<Target> {
    const log = await openCopy(target, async (app) => {
      const entries = await leavesOf(app, target, size);
      const whole = { ...target, entries, sent };
      return { ...whole, answers: await answersOf(app, whole, pathsOf(whole)) };
    });
    const refused = [...log.answers].find(([path, answer]) => answer.length === 3 && !/^proofs/.test(path));
    if (refused !== undefined) throw new Error(`the reference answers ${refused.join(' with ')}`);
    return log;
  }
}

/** The head is cosigned where a log has a witness; what comes later is not published. */
async function cosign(log: RunningLog, growing: Growing, root: string, nowMs: number): Promise<void> {
  const { witness, target } = growing;
  if (witness === undefined || target.policy === undefined) return;
  const heads = await PublishedHeads.open({
    log,
    policy: parsePolicy(target.policy),
    file: publishedFile(root),
  });
  const { note } = log.head;
  await heads.take(note + (await witness.cosign(parseNote(note).text, Math.floor(nowMs / 1_000))));
}

async function scrub(log: RunningLog, root: string, nowMs: number): Promise<void> {
  const stored = log.stored();
  const scrubbed = new LogPass(stored, nodeHasher);
  let pass = newPass(stored.tree().state.size, nowMs);
  for (let step = 0; step < SCRUB_STEPS; step += 1) pass = (await scrubbed.step(pass)).next;
  await progressFile(root).write({ pass });
}

async function openCopy<T>(target: Target, use: (app: ReturnType<typeof appOf>) => Promise<T>): Promise<T> {
  const copy = `${target.folder}-read`;
  await rm(copy, { recursive: true, force: true });
  await cp(target.folder, copy, { recursive: true });
  const log = await serveTarget(directoryIn(copy), target);
  try {
    return await use(appOf(directoryIn(copy), log));
  } finally {
    await log.close();
  }
}

async function leavesOf(
  app: ReturnType<typeof appOf>,
  { manifest: { name } }: Target,
  size: number,
): Promise<Buffer[]> {
  const leaves: Buffer[] = [];
  while (leaves.length < size) {
    const end = Math.min(size, leaves.length + PAGE);
    const answer = await app.request(`/logs/${name}/entries?start=${leaves.length}&end=${end}`);
    const lines = (await answer.text()).split('\n').filter(Boolean);
    leaves.push(...lines.map((line) => Buffer.from(JSON.parse(line).entry, 'base64')));
  }
  return leaves;
}

/** The same log in a folder of its own after verbatim bytes have gone and a read has met that: its finding is kept. */
async function withFinding(events: Target): Promise<Target> {
  const folder = `${events.folder}-damaged`;
  await cp(events.folder, folder, { recursive: true });
  const dir = directoryIn(folder);
  const { root } = logPaths(dir, events.manifest.name);
  const [blob = ''] = (await readdir(join(root, 'raw'))).sort();
  await rm(join(root, 'raw', blob));
  const log = await serveTarget(dir, events);
  const raws = [...events.answers.keys()].filter((path) => path.endsWith('/raw'));
  await answersOf(appOf(dir, log), events, raws);
  await log.close();
  if (log.findings.length !== 1) throw new Error(`${log.findings.length} findings of one damage`);
  const damaged = { ...events, folder, takesNothing: true as const };
  const paths = [...events.answers.keys(), 'audit'];
  return openCopy(damaged, async (app) => ({ ...damaged, answers: await answersOf(app, events, paths) }));
}

/** Every path that is read in the sweep. */
function pathsOf(target: Target): string[] {
  const { entries, manifest } = target;
  const size = entries.length;
  const width = size % 256;
  const paths = ['checkpoint', 'log', 'checkpoints?from=0'];
  for (let index = 0; index * 256 < size; index += 1) {
    const number = String(index).padStart(3, '0');
    const part = (index + 1) * 256 > size ? `.p/${width}` : '';
    paths.push(`tile/0/${number}${part}`, `tile/entries/${number}${part}`);
    paths.push(`entries?start=${index * 256}&end=${Math.min(size, (index + 1) * 256)}`);
  }
  if (size >= 256) paths.push(`tile/1/000.p/${Math.floor(size / 256)}`);
  for (let index = 0; index < size; index += 37) {
    const leafHash = createHash('sha256')
      .update(Buffer.concat([Buffer.of(0), entries[index] ?? Buffer.alloc(0)]))
      .digest('hex');
    paths.push(`proofs/inclusion?leafHash=${leafHash}&treeSize=${size}`, `entries/${index}`);
    paths.push(
      `proofs/inclusion?index=${index}&treeSize=${size}`,
      `proofs/consistency?from=${index}&to=${size}`,
    );
  }
  return manifest.kind === 'entries' ? paths : [...paths, ...eventPathsOf(target)];
}

function eventPathsOf({ entries, sent }: Target): string[] {
  const paths: string[] = [];
  for (let index = 0; index < entries.length; index += 23)
    paths.push(`events/${index}`, `events/${index}?withhold=actor`);
  for (const { body, index } of sent)
    for (const [i, line] of body.split('\n').entries()) {
      const { id, raw } = JSON.parse(line);
      if (raw !== undefined) paths.push(`events/${index + i}/raw`);
      if (id !== undefined && (index + i) % 11 === 0) paths.push(`events/${id}`);
    }
  return paths;
}
