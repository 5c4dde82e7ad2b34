import { readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { placeOf } from '../../src/events/seed-header.ts';
import type { LogName, Programs } from '../crash/campaign.ts';
import { Campaign, stopInOrder } from '../crash/campaign.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { type Ended, isRunning, type ServerProcess } from '../support/server-process.ts';
import { attachStrace, type Injection, injecting, tracing } from './strace.ts';

/** Calls by which a server changes what lies on the disk, and opens what it reads. */
const CALLS = 'openat,rename,link,unlink,rmdir,mkdir,fsync,fdatasync,write,pwrite64';
const FAULTS = ['EIO', 'ENOSPC', 'SIGKILL'] as const;
/** One thread makes all calls to the disk: the k-th call is then always the same one. */
const ENV = { UV_THREADPOOL_SIZE: '1' };

/**
 * Calls of a commit, by what they are on: LevelDB's log, the guard, the file of seeds, or anything. Of entries much data makes LevelDB
 * open and remove tables; of events verbatim bytes are files of their own. No commit renames or links; a start does.
 */
const KINDS: Readonly<Record<LogName, readonly string[]>> = {
  main: ['log write', 'log fdatasync', 'guard pwrite64', 'any openat', 'any unlink'],
  audit: [
    ...['log write', 'log fdatasync', 'guard pwrite64', 'seeds pwrite64', 'seeds fdatasync'],
    ...['any openat', 'any fsync'],
  ],
};
/** Acks between two looks whether the fault has happened, and at most. */
const ACKS = 200;
const ACKS_MAX = 30_000;

/** Entries of a log of which enough tables are merged while it is written to. */
const LARGE = 50_000;

/** What became of one fault. */
export interface SweepRun {
  readonly injection: Injection;
  /** How the server with the fault ended; `alive`: it went on, and was killed. */
  readonly outcome: 'refused' | 'fault' | 'killed' | 'alive';
  /** What is wrong with that, or with what the next start found; absent when all is as it must be. */
  readonly wrong?: string;
}

/** Every `parts`-th call, from the `part`-th on, counted from 1: what one of several processes does. */
export interface Part {
  readonly part: number;
  readonly parts: number;
}
const WHOLE: Part = { part: 1, parts: 1 };

export interface SweepOptions {
  readonly programs: Programs;
  readonly seed: number;
  /** `main`, unless given: entries; `audit`: events. */
  readonly log?: LogName;
  /** Gets each fault when it has been judged, and how many are done of how many. */
  readonly onRun?: (run: SweepRun, done: number, of: number) => void;
}

/** A log of its own into whose calls faults are put. */
export class SyscallSweep implements AsyncDisposable {
  readonly #campaign: Campaign;
  readonly #random: SeededRandom;
  readonly #log: LogName;
  readonly #onRun: NonNullable<SweepOptions['onRun']>;

  private constructor(campaign: Campaign, { seed, log = 'main', onRun }: SweepOptions) {
    this.#campaign = campaign;
    this.#random = new SeededRandom(seed);
    this.#log = log;
    this.#onRun = onRun ?? (() => undefined);
  }

  /** A log that has grown over two starts, the last of which was killed. */
  static async create(options: SweepOptions): Promise<SyscallSweep> {
    const campaign = await Campaign.create({ ...options, kills: 0, heavyShare: 0, killWithinMs: 0 });
    const sweep = new SyscallSweep(campaign, options);
    // The first log is the one that a start opens, and refuses to start without.
    const other = options.log === 'audit' ? 'main' : 'audit';
    for (const folder of ['data/logs', 'data.guard'])
      await rm(join(campaign.folder, folder, other), { recursive: true });
    for (let start = 0; start < 2; start += 1) await sweep.#grow();
    return sweep;
  }

  async #grow(): Promise<void> {
    const server = await this.#campaign.serve();
    const stop = new AbortController();
    const load = this.#campaign.load(server, 'light', stop.signal);
    await this.#campaign.moreAcks(400, server);
    server.kill('SIGKILL');
    await load;
  }

  /**
   * Faults in a start: each call below data and guard that a good start makes, with each fault; `runs` of them, of the calls
   * that are the `part`-th of `parts`.
   */
  async starts(runs: number, { part, parts }: Part = WHOLE): Promise<SweepRun[]> {
    const goBack = await this.#campaign.snapshot();
    const calls = (await this.#callsOfStart()).filter((_, i) => i % parts === part - 1);
    const all = calls.flatMap((call) => FAULTS.map((fault) => ({ ...call, fault })));
    const chosen = this.#some(all, runs);
    const done: SweepRun[] = [];
    for (const injection of chosen) {
      await goBack();
      const run = await this.#startWith(injection);
      this.#onRun(run, done.push(run), chosen.length);
    }
    await goBack();
    return done;
  }

  /** The calls of one good start, each with its number among the calls of its kind on its path. */
  async #callsOfStart(): Promise<Omit<Injection, 'fault'>[]> {
    const out = join(this.#campaign.folder, 'trace');
    const before = ['strace', '-D', '-y', '-s', '0', ...tracing(CALLS, out)];
    const server = await this.#campaign.start({ before, env: ENV });
    if (!isRunning(server)) throw new Error(`the start to be traced failed: ${server.said}`);
    // Not in order: the calls of a stop are none of a start.
    server.kill('SIGKILL');
    await server.ended;
    return numbered(await readFile(out, 'utf8'), this.#campaign.folder);
  }

  #some<T>(all: readonly T[], count: number): T[] {
    const rest = [...all];
    const some: T[] = [];
    while (some.length < count && rest.length > 0)
      some.push(...rest.splice(this.#random.int(0, rest.length), 1));
    return some;
  }

  async #startWith(injection: Injection): Promise<SweepRun> {
    const out = join(this.#campaign.folder, 'trace');
    const before = ['strace', '-D', ...injecting(injection, out)];
    const server = await this.#campaign.start({ before, env: ENV });
    let ended: Ended | undefined;
    if (isRunning(server)) {
      const stop = new AbortController();
      const load = this.#campaign.load(server, 'light', stop.signal);
      ended = await this.#campaign.moreAcks(20, server);
      server.kill('SIGKILL');
      await load;
    } else ended = server;
    return this.#judged(injection, ended, await readFile(out, 'utf8'));
  }

  /**
   * Faults while entries are written: the k-th call on the log file, the guard's file or, unnamed, on any table. The log grows from one to
   * the next, until it is read, hashed and checked for longer than it is written to.
   */
  async commits(runs: number): Promise<SweepRun[]> {
    const goBack = await this.#campaign.snapshot();
    const done: SweepRun[] = [];
    const kinds = KINDS[this.#log];
    for (let i = 0; i < runs; i += 1) {
      // Each kind in turn, and the next time with another fault.
      const kind = kinds[i % kinds.length] ?? '';
      const fault = FAULTS[((i % kinds.length) + Math.floor(i / kinds.length)) % FAULTS.length] ?? 'EIO';
      if (this.#campaign.verdict.size > LARGE) await goBack();
      const run = await this.#writeWith(kind, fault);
      this.#onRun(run, done.push(run), runs);
    }
    return done;
  }

  async #writeWith(kind: string, fault: Injection['fault']): Promise<SweepRun> {
    const [where, syscall = ''] = kind.split(' ');
    if (where === 'seeds') await this.#spendSeeds();
    const server = await this.#campaign.start({ env: ENV });
    if (!isRunning(server)) throw new Error(`a start without a fault failed: ${server.said}`);
    await this.#campaign.compare(server);
    const path = await this.#pathOf(where);
    const injection = { syscall, fault, k: this.#callOf(kind), ...(path === undefined ? {} : { path }) };
    const out = join(this.#campaign.folder, 'trace');
    const strace = await attachStrace(server.pid, injecting(injection, out));
    // Only much data makes LevelDB open files.
    const weight = where === 'any' ? 'heavy' : 'light';
    const load = this.#campaign.load(server, weight);
    const ended = await this.#acksUntilFault(server, out);
    server.kill('SIGKILL');
    await load;
    await server.ended;
    await strace.stop();
    return this.#judged(injection, ended, await readFile(out, 'utf8'));
  }

  /** Leaves no seed that was made ahead, as a crash may: the next event needs new ones. */
  async #spendSeeds(): Promise<void> {
    const server = await this.#campaign.serve();
    const { size } = await this.#campaign.compare(server);
    await stopInOrder(server);
    await truncate(join(this.#campaign.logFolder, 'seeds'), placeOf(size));
  }

  /** Clients write until the fault has happened, and a while longer. */
  async #acksUntilFault(server: ServerProcess, out: string): Promise<Ended | undefined> {
    for (let acks = 0; acks < ACKS_MAX; acks += ACKS) {
      const ended = await this.#campaign.moreAcks(ACKS, server);
      if (ended !== undefined) return ended;
      if ((await readFile(out, 'utf8')).includes('INJECTED'))
        return this.#campaign.moreAcks(2 * ACKS, server);
    }
    return undefined;
  }

  async #pathOf(where = ''): Promise<string | undefined> {
    if (where === 'seeds') return join(this.#campaign.logFolder, 'seeds');
    return where === 'log' || where === 'guard' ? this.#campaign.openFile(where) : undefined;
  }

  /** Which call: seeds are made once in thousands of events, tables and files are opened seldom. */
  #callOf(kind: string): number {
    if (kind.startsWith('seeds')) return 1;
    return kind.startsWith('any') ? this.#random.int(1, 3) : this.#random.int(1, 25);
  }

  /** The next start must serve all that was acked, and fsck must find nothing. */
  async #judged(injection: Injection, ended: Ended | undefined, trace: string): Promise<SweepRun> {
    const outcome = outcomeOf(ended);
    const run = { injection, outcome };
    // A trace names SIGKILL at its end in any case: that of the harness.
    if (!trace.includes('INJECTED') && outcome !== 'killed')
      return { ...run, wrong: 'the fault did not happen' };
    if (ended !== undefined && outcome === 'fault' && ended.code !== 70)
      return { ...run, wrong: `ended with ${ended.code ?? ended.signal}: ${ended.said}` };
    if (mustEnd(injection) && outcome === 'alive') return { ...run, wrong: 'went on after a failed write' };
    const server = await this.#campaign.start();
    if (!isRunning(server)) return { ...run, wrong: `the next start: ${server.said}` };
    const { lost, conflicts, doubled } = await this.#campaign.compare(server);
    await stopInOrder(server);
    const wrong = lost + doubled > 0 ? `lost ${lost}, doubled ${doubled}` : conflicts.join('; ');
    const checked = await this.#campaign.fsck();
    if (wrong === '' && checked === '') return run;
    return { ...run, wrong: `${wrong}${checked}` };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#campaign[Symbol.asyncDispose]();
  }
}

/** After a failed write or sync of data or guard nothing may be acked any more; other calls may fail harmlessly. */
function mustEnd({ syscall, path }: Injection): boolean {
  // Without a path it may be on the progress of the scrubber.
  return path !== undefined && /write|sync/.test(syscall) && !path.includes('.kept.old');
}

function outcomeOf(ended: Ended | undefined): SweepRun['outcome'] {
  if (ended === undefined) return 'alive';
  if (ended.signal === 'SIGKILL') return 'killed';
  return ended.code === 1 ? 'refused' : 'fault';
}

/** The file in which the scrubber keeps its place. It reads it first, and whether it can write it matters to nobody. */
const SCRUBBING = '/scrub.json"';

/**
 * The calls in a trace of a start that succeeded on something below a folder. The start is over where scrubbing begins.
 * Numbered by thread, as strace counts.
 */
function numbered(trace: string, folder: string): Omit<Injection, 'fault'>[] {
  const counts = new Map<string, number>();
  const calls = new Map<string, Omit<Injection, 'fault'>>();
  for (const line of trace.split('\n')) {
    if (line.includes(SCRUBBING)) break;
    const [, thread, syscall, rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    const path = /^(?:AT_FDCWD<[^>]*>, )?(?:"([^"]*)"|\d+<([^>]*)>)/.exec(rest)?.slice(1).find(Boolean);
    if (syscall === undefined || path === undefined || !path.startsWith(`${folder}/data`)) continue;
    const ofThread = `${thread} ${syscall} ${path}`;
    const k = (counts.get(ofThread) ?? 0) + 1;
    counts.set(ofThread, k);
    // LevelDB's own notes about itself; whether they can be written changes nothing.
    const isNote = /\/LOG(?:\.old)?$/.test(path);
    if (!/= -1 /.test(line) && !isNote) calls.set(`${syscall} ${path} ${k}`, { syscall, path, k });
  }
  return [...calls.values()];
}
