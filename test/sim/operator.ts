import { TlogError } from '../../src/core/error.ts';
import { NO_FINDINGS } from '../../src/sequencer/finding-file.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { checkCleanMark } from './clean-mark.ts';
import { damageDisk, rotRow } from './damage.ts';
import { type Disk, newLineage, stateSize } from './disk.ts';
import type { Engine } from './engine.ts';
import { WRONG_KEY } from './image.ts';
import { mendRetries, mendRows } from './mend-rows.ts';
import { Violation } from './oracle.ts';
import type { Action, CallFault, Damage } from './points.ts';
import type { Random } from './random.ts';
import type { Rows } from './rows.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

/** After this long a process that does not answer is killed. */
const HUNG_MS = 3_000;
/** Engines whose rows are kept: more than there are processes at a time. */
const ENGINES = 12;
/** How often, and how many times, a fault looks for its moment. */
const LOOK_MS = 0.2;
const LOOKS_MAX = 300;
/** Calls of a take-over in which the process before it may go on. */
const TAKE_OVER_CALLS = [
  'guard create',
  'guard sync',
  'guard list',
  'guard read',
  'guard write',
  'guard unlink',
];
const STARTS_MAX = 400;

/** Who runs the server, and ruins it: starts it again when it ends, restores data when a start is refused. */
export class Operator {
  readonly #world: World;
  /** The folder of the log. */
  home: Disk;
  readonly #copies: Disk[] = [];
  #homeServer: Server | undefined;
  #startsAt: number | undefined;
  #starts = 0;
  /** Engines of the last processes: where the data of the newest signed tree are found again. */
  readonly #engines: Engine[] = [];
  readonly #backups: Rows[] = [];
  #undoGuardRot: (() => void) | undefined;
  #stoppedCleanly = false;
  #frozen = false;
  #healed = false;

  constructor(world: World, home: Disk) {
    this.#world = world;
    this.home = home;
  }

  /** Sees to it that the log's own server runs after a while. */
  startHome(delayMs: number): void {
    if (this.#frozen || this.#startsAt !== undefined || this.#homeServer !== undefined) return;
    this.#startsAt = this.#world.scheduler.nowMs + delayMs;
    this.#world.scheduler.after(delayMs, () => {
      this.#startsAt = undefined;
      if (this.#homeServer !== undefined || this.#frozen) return;
      this.#starts += 1;
      if (this.#starts > STARTS_MAX)
        this.#world.check(() => never('L', 'the log is started again and again'));
      else this.#launchHome();
    });
  }

  #launchHome(): void {
    const server = this.#world.launch(`server ${this.#starts}`, this.home);
    if (server.process.alive) this.#homeServer = server;
    else this.startHome(10);
  }

  onOpen(server: Server): void {
    const { faults, oracle } = this.#world;
    if (server === this.#homeServer && this.#stoppedCleanly) faults.hit('start-clean');
    if (server.log?.status().reason === 'log_checking') faults.hit('start-background-check');
    if (server.log !== undefined && server.engine !== undefined && server.signedAtStart)
      faults.hit('start-signs-found');
    const { head } = server.log ?? {};
    if (head !== undefined) this.onSigned(server, head.size, Buffer.from(head.rootHash).toString('base64'));
    this.#stoppedCleanly = false;
    this.#undoGuardRot = undefined;
    const { disk } = server;
    disk.isOutrun = false;
    if (disk.suspectBy !== server.name && PASSING_FAULTS.includes(disk.suspect ?? ''))
      disk.suspect = undefined;
    // What rotted may have been written anew since.
    if (disk.suspect === 'live-rot' && !disk.hasRot()) disk.suspect = undefined;
    // Who keeps events looks at all of them after such damage: no start does, while the tree is whole.
    if (this.#world.plan.events === true && disk.suspect === 'rest-hole') {
      this.#world.kill(server, 'rows are gone');
      this.#repair(disk);
      return;
    }
    if (server.disk === this.home && oracle.publishedSize === server.log?.head.size) this.#backup();
  }

  #backup(): void {
    if (this.#backups.length > 5) this.#backups.splice(this.#world.choice.below(5), 1);
    this.#backups.push(this.home.mended(this.home.view()));
  }

  /** What a process signs may reach the guard, though nobody sees it: every other folder may now be too old. */
  onSignature(server: Server, size: number, root: string): void {
    for (const disk of [this.home, ...this.#copies]) if (disk !== server.disk) disk.suspect ??= 'overtaken';
    this.onSigned(server, size, root);
  }

  onEnd(server: Server): void {
    if (server.process.inFlight.has('commit')) this.#world.faults.hit('crash-before-sync');
    if (server.process.inFlight.has('guard write') || server.process.inFlight.has('sign'))
      this.#world.faults.hit('crash-before-guard');
    if (server !== this.#homeServer) return;
    this.#homeServer = undefined;
    this.startHome(this.#world.choice.between(2, 60));
  }

  /** The process says why and closes its files, but not for longer than a supervisor waits. */
  onFailed(server: Server, error: TlogError): void {
    const { scheduler } = this.#world;
    scheduler.note(`${server.name} failed ${error.code}`);
    this.#checkCause(server, error);
    const end = (): void => this.#world.kill(server, 'exit 70');
    server.stopping = true;
    server.close().then(end, end);
    scheduler.after(10_000, end);
  }

  onRefused(server: Server, error: unknown): void {
    this.#world.scheduler.note(
      `${server.name} refused ${error instanceof TlogError ? error.code : String(error)}`,
    );
    this.#checkCause(server, error);
    const { disk } = server;
    const looksDamaged = error instanceof TlogError && DAMAGE_CODES.includes(error.code);
    this.#world.kill(server, 'refused');
    if (looksDamaged) this.#repair(disk);
    if (error instanceof TlogError && error.code === 'guard_missing') this.#world.guardDisk.putBack();
    if (error instanceof TlogError && error.code === 'guard_unreadable') this.#undoGuardRot?.();
  }

  /** Whatever ends a process or keeps it from starting must have been done to it. */
  #checkCause(server: Server, error: unknown): void {
    const { process, disk } = server;
    if (!(error instanceof TlogError)) {
      if (process.faulted) return;
      never('errors', `a start failed with ${error instanceof Error ? error.stack : String(error)}`);
    }
    const { code } = error;
    if (process.faulted || disk.full || this.#world.guardDisk.full) return;
    // Nothing else is wrong with what is only behind.
    if (disk.isOutrun && code === 'guard_ahead') return;
    if (disk.suspect !== undefined && (DAMAGE_CODES.includes(code) || code === 'storage_corrupt')) return;
    if (code === 'data_damaged' && disk.findings.findings.length > 0) return;
    if (server.hadRival && RIVAL_CODES.includes(code)) return;
    if (LOST_CODES.includes(code) && (disk.openedTwice || disk.suspect === 'removed')) return;
    if (code === 'guard_missing' && this.#world.guardDisk.isAway) return;
    if (code === 'guard_superseded' && this.#world.guardDisk.isAway) return;
    if (code === 'guard_unreadable' && this.#undoGuardRot !== undefined) return;
    if (code === 'key_mismatch' && server.name.startsWith('stranger')) return;
    never('L', `${server.name} ends with ${code} and nothing was done to it: ${error.message}`);
  }

  /** A tree is signed, or was when the process started: its data may be asked for again. */
  onSigned(server: Server, size: number, root: string): void {
    const { engine } = server;
    if (engine === undefined) return;
    engine.mark(`${size} ${root}`);
    if (!this.#engines.includes(engine)) this.#engines.push(engine);
    if (this.#engines.length > ENGINES) this.#engines.shift();
  }

  /** Memory that changed may have reached the disk: the next start finds it, or finds nothing. */
  onFault(server: Server, fault: CallFault): void {
    if (!MEMORY_FAULTS.includes(fault)) return;
    const { disk } = server;
    if (disk.suspect !== undefined && !PASSING_FAULTS.includes(disk.suspect)) return;
    disk.suspect = fault;
    disk.suspectBy = server.name;
  }

  /** The scrubber, a read or a commit met wrong bytes: somebody must have done that, and nothing more is signed. */
  onFinding(server: Server, log: RunningLog): void {
    const { scheduler, faults } = this.#world;
    const { findings } = log;
    for (const { message, foundBy } of findings.slice(server.findingsSeen)) {
      scheduler.note(`${server.name} finds by ${foundBy}: ${message}`);
      if (foundBy === 'scrub') faults.hit('scrub-found');
      if (!server.process.faulted && server.disk.suspect === undefined)
        never('L', `${server.name} finds damage that nobody did: ${message}`);
    }
    server.findingsSeen = findings.length;
    const { acceptsEntries, queuedEntries } = log.status();
    if (acceptsEntries) never('S8', `${server.name} takes entries after it has found damage`);
    server.sizeMax ??= log.head.size + queuedEntries;
    this.onDamaged(server);
  }

  /** The scrubber may wait for a disk that does not answer, for nothing else. */
  onTrouble(server: Server, error: unknown): void {
    this.#world.faults.hit('scrub-trouble');
    if (!server.process.faulted && !server.disk.full)
      never('L', `${server.name} scrubs no further without a cause: ${String(error)}`);
  }

  /** The log reads on and signs nothing until it was stopped and repaired. */
  onDamaged(server: Server): void {
    const { disk } = server;
    if (server.log?.findings.length === 0) never('L', `${server.name} has found nothing and is damaged`);
    if (server.isDamaged || this.#frozen) return;
    server.isDamaged = true;
    this.#world.later(20, 200, () => {
      if (!server.process.alive) return;
      this.#world.kill(server, 'stopped for repair');
      this.#repair(disk);
    });
  }

  /** While no process has the folder open. */
  #repair(disk: Disk): void {
    for (const server of this.#world.servers.filter((one) => one.disk === disk))
      this.#world.kill(server, 'a repair');
    disk.findings = NO_FINDINGS;
    // A guard that rotted is put right first: it says which data are the newest.
    this.#undoGuardRot?.();
    if (disk === this.home && (disk.suspect !== undefined || disk.isOutrun)) this.restoreNewest();
  }

  /** Puts back the data of the tree that the guard shows or somebody has read, as from a backup that misses nothing. */
  restoreNewest(): void {
    const { guardDisk, oracle } = this.#world;
    const mark = guardDisk.best();
    const { publishedSize } = oracle;
    const published = { size: publishedSize, root: oracle.tree.rootAt(publishedSize).toString('base64') };
    const best = mark !== undefined && mark.size >= publishedSize ? mark : published;
    const name = `${best.size} ${best.root}`;
    this.#world.scheduler.note(`the data of size ${best.size} are put back`);
    const found = this.#engines.findLast((engine) => engine.rowsOf(name) !== undefined);
    if (found === undefined && best.size !== this.#world.plan.base)
      never('simulation', `no process had the data of size ${best.size}`);
    const rows = this.home.mended(found?.rowsOf(name) ?? this.#world.image.disk.view());
    mendRows(rows, this.home, this.#world.plan.leafHashIndex);
    for (const engine of this.#engines)
      if (engine.rowsOf(name) !== undefined) mendRetries(rows, engine, best.size);
    this.home.replace(rows);
    this.home.events.become((found?.disk ?? this.home).events);
    // A rival that runs on may have signed more by now, and the guard does not show it yet.
    this.home.isOutrun = this.#world.servers.some(({ disk }) => disk !== this.home);
    this.home.suspect = undefined;
  }

  damage(damage: Damage, random: Random): void {
    const { guardDisk } = this.#world;
    if (this.home.suspect !== undefined || this.#undoGuardRot !== undefined || guardDisk.isAway) return;
    this.#killAll('a crash before damage');
    if (random.chance(0.3)) this.#powerCut(random);
    if (damage === 'rest-guard-gone') guardDisk.takeAway();
    else if (damage === 'rest-guard-flip') {
      this.#undoGuardRot = guardDisk.rot(random);
      if (this.#undoGuardRot === undefined) return;
    } else {
      const lost = damageDisk(this.home, damage, this.#backups, random);
      if (lost === undefined) return;
      for (const row of lost) this.#world.oracle.lostRows.add(row);
      this.home.suspect = damage;
      this.home.newHistory();
    }
    this.#world.faults.hit(damage);
  }

  /** A row of the running log rots where it lies. */
  rot(random: Random): void {
    const server = this.#homeServer;
    if (server?.log === undefined || server.stopping || this.home.suspect !== undefined) return;
    if (server.process.inFlight.has('commit') || server.engine?.size() !== server.log.head.size) return;
    const key = rotRow(server.engine, random);
    if (key === undefined) return;
    this.#world.scheduler.note(`a row of sort ${key[0]} rots`);
    this.home.suspect = 'live-rot';
    this.#world.faults.hit('live-rot');
  }

  act(action: Action, random: Random): void {
    const isDone = this.#actions[action](random);
    if (isDone) this.#world.faults.hit(action);
  }

  readonly #actions: Readonly<Record<Action, (random: Random) => boolean>> = {
    kill: () => this.#killHome(),
    'power-cut': (random) => this.#powerCut(random),
    stop: () => this.#stop(),
    pause: (random) => this.#pause(random),
    'rival-locked': (random) => this.#rival(random, 'locked'),
    'rival-lock-lost': (random) => this.#rival(random, 'lock lost'),
    'rival-copy': (random) => this.#rival(random, 'copy'),
    'rival-duel': (random) => this.#duel(random),
    'wrong-key': () => this.#wrongKey(),
    'clock-back': (random) => this.#turnClock(-random.between(1, 3_600_000)),
    'clock-forward': (random) => this.#turnClock(random.pick([1_000, 61_000, 86_400_000, 31_536_000_000])),
    'disk-full': (random) => this.#fill(this.home, random),
    'disk-low': (random) => this.#takeRoom(random),
    'guard-full': (random) => this.#fill(this.#world.guardDisk, random),
    'data-removed': (random) => this.#removeData(random),
    'restore-without-seeds': () => this.#restoreWithoutSeeds(),
  };

  #killHome(): boolean {
    if (this.#homeServer === undefined) return false;
    this.#world.crashes += 1;
    this.#world.kill(this.#homeServer, 'SIGKILL');
    return true;
  }

  #killAll(why: string): void {
    this.#world.crashes += 1;
    for (const server of [...this.#world.servers]) this.#world.kill(server, why);
  }

  #powerCut(random: Random): boolean {
    this.#killAll('power cut');
    for (const disk of [this.home, ...this.#copies]) disk.powerCut(random);
    this.#world.guardDisk.powerCut(random);
    return true;
  }

  #stop(): boolean {
    const server = this.#homeServer;
    if (server?.log === undefined || server.stopping || server.process.paused) return false;
    server.stopping = true;
    const end = (): void => {
      this.#stoppedCleanly = server.process.alive && server.process.doomed === undefined;
      if (this.#stoppedCleanly) this.#world.check(() => checkCleanMark(server));
      this.#world.kill(server, 'stopped');
    };
    server.close().then(end, end);
    this.#world.scheduler.after(10_000, () => this.#world.kill(server, 'did not stop'));
    return true;
  }

  #pause(random: Random): boolean {
    const server = this.#homeServer;
    if (server?.log === undefined || server.process.paused) return false;
    server.process.pause();
    if (random.chance(0.6)) this.#rival(random, 'copy');
    this.#world.scheduler.after(random.pick([3, 8, 15, 30, 60, 400, 3_000]), () => server.process.resume());
    return true;
  }

  /** The server stops in the middle of a commit, a rival on a copy takes over, and in the middle of that the server goes on. */
  #duel(random: Random): boolean {
    const server = this.#homeServer;
    if (server?.log === undefined || server.process.paused || this.home.suspect !== undefined) return false;
    const step = random.pick(TAKE_OVER_CALLS);
    const goOn = (): void => server.process.resume();
    this.#when(
      () => server.process.inFlight.has('commit'),
      () => {
        server.process.pause();
        if (!this.#rival(random, 'copy')) return goOn();
        const rival = this.#world.servers.at(-1);
        this.#when(() => rival?.process.inFlight.has(step) !== false, goOn, goOn);
      },
    );
    return true;
  }

  /** Looks again and again for a while whether something is so. */
  #when(isSo: () => boolean, then: () => void, otherwise: () => void = () => {}, looks = LOOKS_MAX): void {
    this.#world.scheduler.after(LOOK_MS, () => {
      if (isSo()) then();
      else if (looks === 0) otherwise();
      else this.#when(isSo, then, otherwise, looks - 1);
    });
  }

  /** A second process: on the folder in use, on the folder whose lock is gone, or on a copy that shares the guard. */
  #rival(random: Random, kind: 'locked' | 'lock lost' | 'copy'): boolean {
    const { home } = this;
    if (this.#homeServer?.log === undefined || home.suspect !== undefined || this.#undoGuardRot !== undefined)
      return false;
    const disk = kind === 'copy' ? home.copy(`copy ${this.#copies.length}`) : home;
    if (kind === 'copy') this.#copies.push(disk);
    if (kind === 'lock lost') home.lockLost = true;
    const rival = this.#world.launch(`rival ${this.#world.scheduler.steps}`, disk);
    this.#world.scheduler.after(random.pick([30, 200, 1_500]), () => {
      home.lockLost = false;
      this.#world.kill(rival, 'rival leaves');
    });
    return true;
  }

  #wrongKey(): boolean {
    if (this.#homeServer !== undefined) this.#killHome();
    this.#world.launch(`stranger ${this.#world.scheduler.steps}`, this.home, WRONG_KEY);
    return true;
  }

  #turnClock(byMs: number): boolean {
    this.#world.site.wallErrorMs += byMs;
    return true;
  }

  #fill(disk: { full: boolean }, random: Random): boolean {
    disk.full = true;
    this.#world.scheduler.after(random.between(50, 3_000), () => {
      disk.full = false;
    });
    return true;
  }

  /** The volume is down to its reserve for a while. */
  #takeRoom(random: Random): boolean {
    const { home } = this;
    home.low = true;
    this.#world.scheduler.after(random.between(50, 3_000), () => {
      home.low = false;
    });
    return true;
  }

  /** The folder is removed while the process runs: it goes on writing into files without a name. */
  #removeData(random: Random): boolean {
    const { home } = this;
    if (this.#homeServer?.log === undefined || home.suspect !== undefined || this.#undoGuardRot !== undefined)
      return false;
    const { engine } = this.#homeServer;
    home.replace(this.#world.image.disk.view());
    home.hasCurrent = false;
    home.suspect = 'removed';
    const { log } = this.#homeServer;
    this.#world.scheduler.after(random.between(1, 1_000), () => log?.lookAtDisk());
    if (engine !== undefined) engine.lineage = newLineage();
    return true;
  }

  /** As from a backup that leaves seeds out: the rows as they are, and no secret of any event. */
  #restoreWithoutSeeds(): boolean {
    const { home } = this;
    const { guardDisk, oracle } = this.#world;
    const rows = home.view();
    const size = stateSize(rows.get('s'));
    if (size !== oracle.publishedSize || size !== guardDisk.best()?.size || guardDisk.isAway) return false;
    if (home.suspect !== undefined || this.#undoGuardRot !== undefined) return false;
    this.#killAll('a restore without seeds');
    home.replace(rows);
    home.events.create(size);
    return true;
  }

  /** Looks after processes that hang. */
  watch(server: Server): void {
    this.#world.scheduler.after(HUNG_MS, () => this.#world.kill(server, 'it hangs'));
  }

  /** All faults are over; the log is started once more. */
  heal(): void {
    const { guardDisk } = this.#world;
    this.#healed = true;
    guardDisk.putBack();
    this.#undoGuardRot?.();
    this.#undoGuardRot = undefined;
    for (const disk of [this.home, guardDisk]) disk.full = false;
    this.home.low = false;
    this.home.lockLost = false;
    this.#killAll('a last restart');
    this.#repair(this.home);
    this.startHome(10);
  }

  /** Stops the log's server and starts it again. */
  async restartCleanly(): Promise<Server> {
    const first = this.#homeServer;
    if (first?.log === undefined) throw new Violation('L', 'the log does not run at the end');
    this.#frozen = true;
    await first.close();
    this.#world.kill(first, 'stopped');
    this.#frozen = false;
    this.home.progress = {};
    const second = this.#world.launch('last server', this.home);
    this.#homeServer = second;
    if (second.opened === undefined) throw new Violation('L', 'the last start did not begin');
    await second.opened;
    return second;
  }

  /** The log is about to be spoiled, to be looked at and not to be repaired. */
  leaveDamaged(): void {
    this.home.suspect = 'live-rot';
    this.#frozen = true;
  }

  get isHealed(): boolean {
    return this.#healed;
  }
}

const MEMORY_FAULTS: readonly string[] = ['hash-flip', 'entry-flip', 'store-flip'];
/** A start that succeeds shows that they left nothing. */
const PASSING_FAULTS: readonly string[] = ['hash-flip', 'entry-flip', 'overtaken'];
const DAMAGE_CODES: readonly string[] = ['guard_ahead', 'guard_conflict', 'data_damaged'];
const LOST_CODES: readonly string[] = ['commit_unknown', 'data_lost'];
const RIVAL_CODES: readonly string[] = ['data_locked', 'guard_superseded', 'guard_ahead', 'guard_conflict'];

function never(rule: string, what: string): never {
  throw new Violation(rule, what);
}
