import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fsckDirectory } from '../../src/cli/fsck-directory.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import {
  type Ended,
  isRunning,
  type ServerCommand,
  type ServerProcess,
  startServerProcess,
} from '../support/server-process.ts';
import { CRASH_POINTS, type CrashPlan, EVENT_CRASH_POINTS } from './crash-points.ts';
import { EventJudge } from './event-judge.ts';
import { EventLoad } from './event-load.ts';
import { Journal } from './journal.ts';
import { Judge, type Verdict } from './judge.ts';
import { Load, type LogIdentity, type Weight } from './load.ts';

/** The compiled programs. */
export interface Programs {
  /** The shipped command line. */
  readonly cli: string;
  /** The server that kills itself at a named point. */
  readonly pointServer: string;
}

export interface CampaignOptions {
  readonly programs: Programs;
  /** Which log is written to: `main` takes entries, `audit` events. */
  readonly log?: LogName;
  readonly kills: number;
  readonly seed: number;
  /** Share of the kills during which batches keep LevelDB compacting. */
  readonly heavyShare: number;
  /** Longest time from ready to a random kill, in ms. */
  readonly killWithinMs: number;
  /** Named points to die at, in turn, in place of random kills. */
  readonly plans?: readonly (CrashPlan | undefined)[];
  readonly onKill?: (done: number, how: string, verdict: Verdict) => void;
}

export type LogName = 'main' | 'audit';

/** What a campaign came to. The first four of the counts must be 0. */
export interface CampaignResult {
  readonly kills: number;
  readonly byPoint: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly conflicts: readonly string[];
  readonly doubled: number;
  readonly surprises: readonly string[];
  readonly acked: number;
  readonly size: number;
  readonly heads: number;
  /** From the start of the process to ready, in ms. */
  readonly restartMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** A log of its own that is killed again and again; disposing removes it. */
export class Campaign implements AsyncDisposable {
  readonly folder: string;
  readonly vkey: string;
  readonly identity: LogIdentity;
  readonly #options: CampaignOptions;
  readonly #random: SeededRandom;
  readonly #journal = new Journal();
  readonly #load: Load;
  readonly #judge: Judge;
  readonly #events: { readonly load: EventLoad; readonly judge: EventJudge };
  readonly #restartMs: number[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #byPoint: Record<string, number> = {};
  #verdict: Verdict = { size: 0, lost: 0, conflicts: [], doubled: 0 };

  private constructor(
    folder: string,
    init: { vkey: string; origin: string; token: string },
    options: CampaignOptions,
  ) {
    this.folder = folder;
    this.vkey = init.vkey;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const logVerifiers = [createNoteVerifier(init.vkey, ed25519Verify)];
    this.identity = { origin: init.origin, logVerifiers, token: init.token };
    this.#load = new Load(this.#journal, this.identity, this.#random);
    this.#judge = new Judge(this.#journal, this.identity);
    const load = new EventLoad(this.#journal, this.identity, this.#random);
    this.#events = { load, judge: new EventJudge(this.identity, load.acked) };
  }

  /** @param prepare gets the folder in which `data` and `data.guard` are to be, before they are made */
  static async create(
    options: CampaignOptions,
    prepare: (folder: string) => Promise<void> = async () => {},
  ): Promise<Campaign> {
    const folder = await mkdtemp(join(tmpdir(), 'stele-crash-'));
    await prepare(folder);
    const args = [
      options.programs.cli,
      'init',
      '--json',
      '--origin',
      'crash.example',
      '--data',
      join(folder, 'data'),
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { logs, token } = JSON.parse(stdout);
    const log = logs.find(({ name }: { name: string }) => name === (options.log ?? 'main'));
    return new Campaign(folder, { ...log, token }, options);
  }

  /** Kills and restarts as often as asked; each restart is compared with all that was promised before. */
  async run(): Promise<CampaignResult> {
    for (let done = 0; done < this.#options.kills; done += 1) {
      const how = await this.#killOnce(this.#options.plans?.[done]);
      this.#byPoint[how] = (this.#byPoint[how] ?? 0) + 1;
      this.#options.onKill?.(done + 1, how, this.#verdict);
      if (isBroken(this.#verdict)) break;
    }
    const server = await this.serve();
    this.#restartMs.push(server.readyMs);
    await this.compare(server, true);
    await stopInOrder(server);
    if (isBroken(this.#verdict)) this.#journal.save(join(this.folder, 'journal'));
    return this.#result(this.#verdict);
  }

  /** Compares what a server serves with what was promised; `everything` re-reads the log from its first entry. */
  async compare(server: ServerProcess, everything = false): Promise<Verdict> {
    const url = this.#urlOf(server);
    const verdict = await this.#judge.judge(url, everything);
    const wrong = this.#isOfEvents ? await this.#events.judge.judge(url, verdict.size, everything) : [];
    this.#verdict = { ...verdict, conflicts: [...verdict.conflicts, ...wrong] };
    return this.#verdict;
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** Resolves when clients have got so many more acks, or with how the server ended before that. */
  async moreAcks(count: number, server: ServerProcess): Promise<Ended | undefined> {
    let ended: Ended | undefined;
    void server.ended.then((how) => {
      ended = how;
    });
    const end = this.#journal.acks.length + count;
    while (this.#journal.acks.length < end && ended === undefined) await wait(10);
    return ended;
  }

  /** Keeps data, guard and journal as they are now; the call that comes back goes back to them. */
  async snapshot(): Promise<() => Promise<void>> {
    const paths = ['data', 'data.guard'].map((name) => join(this.folder, name));
    for (const path of paths) {
      await rm(`${path}.snapshot`, { recursive: true, force: true });
      await cp(path, `${path}.snapshot`, { recursive: true });
    }
    const journal = this.#journal.copy();
    const events = this.#events.load.acked.length;
    return async () => {
      for (const path of paths) {
        await rm(path, { recursive: true, force: true });
        await cp(`${path}.snapshot`, path, { recursive: true });
      }
      this.#journal.goBackTo(journal);
      this.#events.load.acked.splice(events);
      this.#judge.startOver();
    };
  }

  /** Starts the shipped server in any way; it may end without ever being ready. */
  start(
    command: Omit<ServerCommand, 'args'> & { readonly flags?: readonly string[] } = {},
  ): Promise<ServerProcess | Ended> {
    return this.#start({ ...command, args: [...this.serveArgs(), ...(command.flags ?? [])] });
  }

  /** The folder of the log that is written to. */
  get logFolder(): string {
    return join(this.folder, 'data', 'logs', this.#options.log ?? 'main');
  }

  /** The file that the running server writes its entries to first, or that of its guard. */
  async openFile(of: 'log' | 'guard'): Promise<string> {
    const guard = join(this.folder, 'data.guard', this.#options.log ?? 'main');
    const folder = of === 'log' ? join(this.logFolder, 'db') : guard;
    const names = (await readdir(folder)).filter((name) => (of === 'log' ? name.endsWith('.log') : true));
    const [name, ...others] = names;
    if (name === undefined || others.length > 0) throw new Error(`which of ${names} is it?`);
    return join(folder, name);
  }

  /** What `stele fsck` has against the stopped log; empty when nothing. In this process: another start of node takes longer than it. */
  async fsck(): Promise<string> {
    const dir = { dataPath: join(this.folder, 'data'), guardPath: join(this.folder, 'data.guard') };
    const found = await fsckDirectory(dir, this.#options.log ?? 'main').then(
      ({ difference }) => difference,
      (error: unknown) => String(error),
    );
    return found === undefined ? '' : `fsck: ${JSON.stringify(found)}`;
  }

  /** The damage was meant: nothing is kept as evidence. */
  forgive(): void {
    this.#verdict = { size: 0, lost: 0, conflicts: [], doubled: 0 };
  }

  /** Puts the head that a server shows into the journal. @throws when it shows none */
  seeHead(server: ServerProcess): Promise<unknown> {
    return this.#judge.seeHead(this.#urlOf(server));
  }

  /** The shipped server. @throws Error when it does not start */
  async serve(data = 'data'): Promise<ServerProcess> {
    const server = await this.#start({ args: this.serveArgs(data) });
    if (isRunning(server)) return server;
    throw new Error(`serve ended with ${server.code}: ${server.said}`);
  }

  async #start(command: ServerCommand): Promise<ServerProcess | Ended> {
    const onSpawn = (child: ChildProcess): void => {
      this.#children.add(child);
      child.once('exit', () => this.#children.delete(child));
      command.onSpawn?.(child);
    };
    return startServerProcess({ ...command, onSpawn });
  }

  serveArgs(data = 'data'): string[] {
    const where = ['--data', join(this.folder, data), '--guard', join(this.folder, 'data.guard')];
    return [this.#options.programs.cli, 'serve', '--json', ...where, '--listen', '127.0.0.1:0'];
  }

  /** Writes to a server until it is gone, or the signal comes. */
  load(server: ServerProcess, weight: Weight, stop?: AbortSignal): Promise<void> {
    const over = new AbortController();
    void server.ended.then(() => over.abort());
    stop?.addEventListener('abort', () => over.abort());
    const url = this.#urlOf(server);
    return this.#isOfEvents
      ? this.#events.load.run(url, over.signal)
      : this.#load.run(url, weight, over.signal);
  }

  get #isOfEvents(): boolean {
    return this.#options.log === 'audit';
  }

  #urlOf({ url }: ServerProcess): string {
    return `${url}/logs/${this.#options.log ?? 'main'}`;
  }

  async #killOnce(plan: CrashPlan | undefined): Promise<string> {
    const random = this.#random;
    const weight = random.next() < this.#options.heavyShare ? 'heavy' : 'light';
    if (plan !== undefined) return this.#killAtPoint(plan, weight);
    const dice = random.next();
    if (dice < 0.5) return this.#killAtRandom(weight);
    if (dice < 0.6) return this.#killInStart();
    const point = random.pick(this.#isOfEvents ? [...CRASH_POINTS, ...EVENT_CRASH_POINTS] : CRASH_POINTS);
    return this.#killAtPoint({ point, count: random.next() < 0.3 ? 0 : random.int(1, 60) }, weight);
  }

  async #killAtRandom(weight: Weight): Promise<string> {
    const server = await this.serve();
    this.#restartMs.push(server.readyMs);
    await this.compare(server);
    const load = this.load(server, weight);
    await wait(this.#random.int(20, this.#options.killWithinMs));
    server.kill('SIGKILL');
    await Promise.all([load, server.ended]);
    return `random-${weight}`;
  }

  async #killInStart(): Promise<string> {
    const after = this.#random.int(100, 700);
    const onSpawn = (child: ChildProcess): void => {
      const timer = setTimeout(() => child.kill('SIGKILL'), after);
      child.once('exit', () => clearTimeout(timer));
    };
    const server = await this.#start({ args: this.serveArgs(), onSpawn });
    const { signal, said } = isRunning(server) ? await server.ended : server;
    if (signal !== 'SIGKILL') throw new Error(`a start ended by itself: ${said}`);
    return 'random-start';
  }

  /** The load goes on until the point is reached; a point of the stop is reached by asking for one. */
  async #killAtPoint({ point, count }: CrashPlan, weight: Weight): Promise<string> {
    const where = ['--data', join(this.folder, 'data'), '--guard', join(this.folder, 'data.guard')];
    // What a process passes once only.
    const once = point === 'before-close' || point === 'before-open' || /take-over$|accept$/.test(point);
    const at = ['--log', this.#options.log ?? 'main', '--at', `${point}:${once ? 0 : count}`];
    const args = [this.#options.programs.pointServer, ...where, ...at];
    const server = await this.#start({ args });
    const ended = isRunning(server) ? await this.#loadUntilPoint(server, point, weight) : server;
    if (ended.signal !== 'SIGKILL') throw new Error(`${point}:${count} was not reached: ${ended.said}`);
    return point;
  }

  async #loadUntilPoint(server: ServerProcess, point: string, weight: Weight): Promise<Ended> {
    await this.compare(server);
    const stop = new AbortController();
    const load = this.load(server, weight, stop.signal);
    if (point === 'before-close') {
      await wait(this.#random.int(20, this.#options.killWithinMs));
      stop.abort();
      server.kill('SIGTERM');
    }
    await load;
    return server.ended;
  }

  #result({ size, lost, conflicts, doubled }: Verdict): CampaignResult {
    const sorted = this.#restartMs.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
    return {
      kills: Object.values(this.#byPoint).reduce((sum, n) => sum + n, 0),
      byPoint: this.#byPoint,
      lost,
      conflicts,
      doubled,
      surprises: [...this.#load.surprises, ...this.#events.load.surprises],
      acked: this.#isOfEvents ? this.#events.load.acked.length : this.#journal.acks.length,
      size,
      heads: this.#journal.heads.size,
      restartMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }

  /** Ends what still runs; leaves what is evidence. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    if (isBroken(this.#verdict)) process.stderr.write(`kept as evidence: ${this.folder}\n`);
    else await rm(this.folder, { recursive: true, force: true });
  }
}

function isBroken({ lost, conflicts, doubled }: Verdict): boolean {
  return lost + conflicts.length + doubled > 0;
}

/** Ends a server as an operator would. @throws Error unless it ends with 0 */
export async function stopInOrder(server: ServerProcess): Promise<void> {
  server.kill('SIGTERM');
  const { code, said } = await server.ended;
  if (code !== 0) throw new Error(`a server that was told to stop ended with ${code}: ${said}`);
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
