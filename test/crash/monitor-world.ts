import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { equalBytes } from '../../src/core/bytes.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { parseCheckpoint } from '../../src/core/note/checkpoint.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { createMonitor, monitorPaths } from '../../src/monitor/monitor-directory.ts';
import { readMonitorFile } from '../../src/monitor/monitor-file.ts';
import { openMonitor } from '../../src/monitor/open-monitor.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { isRunning, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import type { History, View } from '../support/tile-log.ts';
import { wait } from './campaign.ts';
import type { CrashPlan } from './crash-points.ts';
import { ORIGIN, ShownLog, type Side, VKEY } from './shown-log.ts';
import { openWatchingPeer, type WatchingPeer } from './watching-peer.ts';

/** A point that is not reached by then never is. */
const POINT_MS = 30_000;
const TILE_WIDTH = 256;

/** The compiled programs. */
export interface MonitorPrograms {
  /** The shipped command line. */
  readonly cli: string;
  /** The monitor that kills itself at a named point. */
  readonly pointMonitor: string;
}

/** How a process dies: at a point, so many ms after it was spawned, or after it was ready. */
export type Death =
  | { readonly at: CrashPlan }
  | { readonly spawnedMs: number }
  | { readonly readyMs: number };

interface Parts {
  readonly folder: string;
  readonly programs: MonitorPrograms;
  readonly log: ShownLog;
  readonly peer: WatchingPeer;
  /** What is verified is of this one, whatever is shown later. */
  readonly history: History;
}

/** A monitor that is killed and started again, the log that it follows, and its peer. Disposing ends all, and keeps the folder if anything is wrong. */
export class MonitorWorld implements AsyncDisposable {
  readonly log: ShownLog;
  readonly wrong: string[] = [];
  readonly #parts: Parts;
  readonly #children = new Set<ChildProcess>();
  /** The largest size that a process has shown as verified. */
  #seen = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.log = parts.log;
  }

  static async create(programs: MonitorPrograms, views: Record<Side, View>): Promise<MonitorWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'stele-monitor-crash-'));
    const log = await ShownLog.open(views);
    const peer = await openWatchingPeer(folder, `${log.url}/peer`);
    const world = new MonitorWorld({ folder, programs, log, peer, history: views.own.history });
    await createMonitor(world.#dir);
    await writeFile(
      monitorPaths(world.#dir).settings,
      `logs: [{vkey: '${VKEY}', url: '${log.url}/own', pollSec: 1}]\npeers: ['${peer.url}']\ngossipSec: 1\n`,
    );
    await writeFile(
      join(folder, 'alerts.yaml'),
      `sinks: [{name: pager, type: alertmanager, url: '${log.url}/pager'}]\n`,
    );
    return world;
  }

  get seen(): number {
    return this.#seen;
  }

  /** Verifies what the log shows now, in this process. */
  async prepare(): Promise<void> {
    const settings = await readMonitorFile(monitorPaths(this.#dir).settings);
    const report = async (_: string, { kind }: { kind: string }): Promise<void> => this.#no(`told ${kind}`);
    await using monitor = await openMonitor({ dir: this.#dir, settings, report });
    await monitor.once();
    this.#seen = monitor.status()[0]?.size ?? 0;
  }

  /** One process, from its start to its death, and all that it shows meanwhile. */
  async life(death: Death): Promise<void> {
    const { cli, pointMonitor } = this.#parts.programs;
    const [asked, before] = [this.log.bundles.length, Math.floor(this.#seen / TILE_WIDTH)];
    const args =
      'at' in death
        ? [pointMonitor, ...this.#flags, '--at', `${death.at.point}:${death.at.count}`]
        : [cli, 'monitor', '--json', '--listen', '127.0.0.1:0', ...this.#flags];
    const onSpawn = (child: ChildProcess): void => {
      this.#children.add(child);
      const ms = 'spawnedMs' in death ? death.spawnedMs : 2 * POINT_MS;
      const timer = setTimeout(() => child.kill('SIGKILL'), ms);
      child.once('exit', () => {
        clearTimeout(timer);
        this.#children.delete(child);
      });
    };
    const server = await startServerProcess({ args, onSpawn });
    if (isRunning(server)) await this.#watch(server, death);
    const { signal, said } = isRunning(server) ? await server.ended : server;
    if (signal !== 'SIGKILL') this.#no(`a process ended by itself: ${said}`);
    const again = this.log.bundles.slice(asked).filter((index) => index < before);
    if (again.length > 0) this.#no(`bundles ${again} were read again, with ${before} full ones verified`);
  }

  /** Looks at its heads until it is gone. */
  async #watch(server: ServerProcess, death: Death): Promise<void> {
    let isOver = false;
    void server.ended.then(() => {
      isOver = true;
    });
    const ms = 'readyMs' in death ? death.readyMs : POINT_MS;
    const timer = setTimeout(() => {
      if ('at' in death) this.#no(`${death.at.point}:${death.at.count} was not reached`);
      server.kill('SIGKILL');
    }, ms);
    while (!isOver) {
      await this.#look(server.url);
      await wait(5);
    }
    clearTimeout(timer);
  }

  async #look(url: string): Promise<void> {
    const answer = await fetch(`${url}/${originHash(ORIGIN)}/checkpoint`)
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch(() => undefined);
    if (answer === undefined) return;
    if (answer.status === 404 && this.#seen === 0) return;
    if (answer.status !== 200) return this.#no(`${answer.status} in place of a head of ${this.#seen}`);
    const { size, rootHash } = parseCheckpoint(parseNote(answer.text).text);
    if (size < this.#seen) this.#no(`a head of ${size} after one of ${this.#seen}`);
    if (!equalBytes(rootHash, this.#parts.history.root(size))) this.#no(`another root of size ${size}`);
    this.#seen = Math.max(size, this.#seen);
  }

  /** `stele monitor --once`: a process that ends by itself, once all is delivered. */
  async once(): Promise<{ readonly code: number; readonly treeSize: number }> {
    const { code, stdout } = await run([
      ...[this.#parts.programs.cli, 'monitor', '--once', '--json'],
      ...this.#flags,
    ]);
    const { treeSize = 0 } = JSON.parse(stdout).logs[0];
    if (treeSize < this.#seen) this.#no(`--once has ${treeSize} after ${this.#seen}`);
    return { code, treeSize };
  }

  /** Of an honest log nobody is told anything. */
  async checkQuiet(): Promise<void> {
    const { outbox } = monitorPaths(this.#dir);
    const isTold = await access(join(outbox, 'told.json')).then(
      () => true,
      () => false,
    );
    const said = [...this.#parts.peer.found, ...this.log.arrived.map(({ name }) => name)];
    if (isTold || said.length > 0) this.#no(`an alert of an honest log: ${said}`);
    const files = await this.#evidence();
    if (files.length > 0) this.#no(`evidence against an honest log: ${files}`);
  }

  /** A fork was told, nothing else was, no alert came twice but for the one process that died, and every file convicts. */
  async checkConvicted(): Promise<void> {
    const { arrived } = this.log;
    const kinds = new Set([...arrived.map(({ name }) => name), ...this.#parts.peer.found]);
    kinds.delete('fork');
    if ([...kinds].join() !== 'stele_fork') this.#no(`told: ${[...kinds]}`);
    for (const { id } of arrived) {
      const times = arrived.filter((other) => other.id === id).length;
      if (times > 2) this.#no(`${id} was told ${times} times`);
    }
    const named = arrived.map(({ file }) => file ?? 'none');
    for (const file of new Set([...named, ...(await this.#evidence())]))
      await convicts(file).catch((error: Error) => this.#no(`${file}: ${error.message}`));
  }

  /** What `stele verify` says of the file that the first alert has named. */
  async verify(): Promise<{ readonly code: number; readonly stdout: string }> {
    const file = this.log.arrived[0]?.file ?? 'none';
    return run([this.#parts.programs.cli, 'verify', file, '--vkey', VKEY]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    await this.#parts.peer[Symbol.asyncDispose]();
    await this.log[Symbol.asyncDispose]();
    if (this.wrong.length > 0) process.stderr.write(`kept as evidence: ${this.#parts.folder}\n`);
    else await rm(this.#parts.folder, { recursive: true, force: true });
  }

  get #dir(): { readonly dataPath: string; readonly guardPath: string } {
    const { folder } = this.#parts;
    return { dataPath: join(folder, 'own'), guardPath: join(folder, 'own.guard') };
  }

  get #flags(): string[] {
    const { dataPath, guardPath } = this.#dir;
    return ['--data', dataPath, '--guard', guardPath, '--alerts', join(this.#parts.folder, 'alerts.yaml')];
  }

  /** A write that was cut short leaves `.new`; what has its name is whole. */
  async #evidence(): Promise<string[]> {
    const { evidence } = monitorPaths(this.#dir);
    const names = await readdir(evidence);
    return names.filter((name) => name.endsWith('.json')).map((name) => join(evidence, name));
  }

  #no(what: string): void {
    this.wrong.push(what);
  }
}

/** @throws TlogError unless the file is evidence that convicts the log; Error where there is none */
async function convicts(file: string): Promise<void> {
  const trust = { keys: [parseVerifierKey(VKEY)], ed25519: ed25519Verify };
  await judgeEvidence(nodeHasher, parseEvidence(await readFile(file, 'utf8')), trust);
}

async function run(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  return promisify(execFile)(process.execPath, [...args]).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  );
}
