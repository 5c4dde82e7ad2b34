import type { NoteSigner } from '../../src/core/note/verifier.ts';
import { type ClientWorld, send, type Task } from './client.ts';
import type { Disk } from './disk.ts';
import type { EventOracle } from './event-oracle.ts';
import { finalCheck } from './final-check.ts';
import type { GuardDisk } from './guard-disk.ts';
import { type Image, imageOf, KEY, manifestOf, ORIGIN, signatureOf } from './image.ts';
import { Operator } from './operator.ts';
import { Oracle, Violation } from './oracle.ts';
import type { Op, Plan } from './plan.ts';
import type { Point } from './points.ts';
import { Faults, type Machine } from './process.ts';
import { Random } from './random.ts';
import { readLog } from './reader.ts';
import { Scheduler } from './scheduler.ts';
import { type Seams, Server, type Site } from './server.ts';
import { type KeyDigest, TaskMaker } from './tasks.ts';

/** What a run came to. */
export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly traceHash: string;
  readonly ops: number;
  readonly crashes: number;
  readonly heads: number;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly hits: ReadonlyMap<Point, number>;
  readonly log: readonly string[];
}

/** What a run may be given besides its plan. */
export interface RunOptions {
  readonly seams?: Seams;
  readonly keyDigest?: KeyDigest;
  readonly keepLog?: boolean;
  /** Told of every call before it begins and after each of its effects. */
  readonly onCall?: (world: World, what: string, effectsDone: number) => void;
  /** Told before anything happens. */
  readonly onBegin?: (world: World) => void;
}

/** Time after the last fault within which everything must be in order again, in simulated milliseconds. */
const HEAL_MS = 60_000;
const STEPS_MAX = 400_000;

/** Runs a plan to its end or to the first broken promise. The same plan gives the same trace. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Outcome> {
  const world = new World(plan, await imageOf(plan, plan.base), options);
  return world.run();
}

/** One simulated machine with its servers, clients and operator, and the oracle that watches them. */
export class World implements ClientWorld {
  readonly plan: Plan;
  readonly machine: Machine;
  readonly scheduler: Scheduler;
  readonly faults: Faults = new Faults();
  readonly oracle: Oracle;
  readonly site: Site;
  readonly guardDisk: GuardDisk;
  readonly image: Image;
  readonly operator: Operator;
  readonly tasks: TaskMaker;
  readonly servers: Server[] = [];
  /** Draws what clients and operator choose as they go. */
  readonly choice: Random;
  violation: Violation | undefined;
  crashes = 0;
  #healedAtMs: number | undefined;
  #phase: 'faults' | 'healing' | 'checking' | 'done' = 'faults';

  constructor(plan: Plan, image: Image, options: RunOptions) {
    const { seed, queue, check } = plan;
    this.plan = plan;
    this.image = image;
    this.scheduler = new Scheduler(options.keepLog === true ? { keepLog: true } : {});
    this.choice = new Random(seed, 2);
    const { scheduler, faults } = this;
    const latency = new Random(seed, 3);
    const { onCall } = options;
    this.machine = {
      scheduler,
      latency,
      faults,
      callMs: plan.callMs,
      onCall: (what, effectsDone) => onCall?.(this, what, effectsDone),
    };
    this.guardDisk = image.guardDisk.copy();
    this.oracle = new Oracle(this.#watched(), image.tree.clone());
    this.site = {
      machine: this.machine,
      manifest: manifestOf(plan),
      guardDisk: this.guardDisk,
      queue,
      secrets: new Random(seed, 7),
      check,
      scrubMs: plan.scrubMs,
      seams: options.seams ?? {},
      wallErrorMs: 0,
      publishedSize: () => this.oracle.publishedSize,
      onSignature: (server, text, signature) => this.#onSignature(server, text, signature),
      onTrouble: (server, error) => this.check(() => this.operator.onTrouble(server, error)),
    };
    this.tasks = new TaskMaker(plan, options.keyDigest);
    this.operator = new Operator(this, image.disk.copy('home', [], new Map()));
    options.onBegin?.(this);
  }

  #watched(): ConstructorParameters<typeof Oracle>[0] {
    return {
      origin: ORIGIN,
      duplicates: this.plan.duplicates,
      events: this.plan.events === true,
      signatureOf,
      guardDurableSize: () => this.guardDisk.durableSize(),
    };
  }

  async run(): Promise<Outcome> {
    for (const op of this.plan.ops) this.scheduler.after(op.at, () => this.#execute(op));
    const lastMs = Math.max(0, ...this.plan.ops.map((op) => op.at));
    this.scheduler.after(lastMs + 200, () => this.#heal());
    this.operator.startHome(0);
    while (this.#phase !== 'done' && this.violation === undefined) {
      if (!(await this.scheduler.step())) this.#fail('L', 'nothing is left to happen');
      if (this.scheduler.steps > STEPS_MAX) this.#fail('L', 'it never ends');
      this.#observe();
    }
    return this.#outcome();
  }

  #outcome(): Outcome {
    const { violation, crashes, scheduler } = this;
    return {
      seed: this.plan.seed,
      violation,
      ops: this.plan.ops.length,
      crashes,
      heads: this.oracle.notes.size,
      simulatedMs: scheduler.nowMs,
      steps: scheduler.steps,
      hits: this.faults.hits,
      log: scheduler.log(),
      traceHash: scheduler.traceHash(),
    };
  }

  #onSignature(server: Server, text: string, signature: string): void {
    const [, size = '', root = ''] = text.split('\n');
    this.operator.onSignature(server, Number(size), root);
    this.check(() => this.oracle.onSignature(server, text, signature));
  }

  /** Looks at all that can be read from outside, after everything that happens. */
  #observe(): void {
    for (const server of this.servers) {
      if (server.log === undefined || !server.process.alive || server.process.paused) continue;
      const { log } = server;
      const { head, findings } = log;
      if (findings.length > server.findingsSeen) this.check(() => this.operator.onFinding(server, log));
      if (head === server.seen) continue;
      server.seen = head;
      this.scheduler.note(
        `${server.name} shows ${head.size} ${Buffer.from(head.rootHash).toString('hex', 0, 8)}`,
      );
      this.check(() => this.oracle.onHead(server, head));
    }
    if (this.#phase === 'healing') this.#lookHealed();
  }

  #execute(op: Op): void {
    this.scheduler.note(`op ${op.do} ${op.n}`);
    if (op.do === 'append') this.#append(op);
    else if (op.do === 'read') readLog(this, new Random(op.n));
    else if (op.do === 'arm') this.faults.arm(op.fault);
    else if (op.do === 'rot') this.operator.rot(new Random(op.n));
    else if (op.do === 'damage') this.operator.damage(op.damage, new Random(op.n));
    else this.operator.act(op.action, new Random(op.n));
  }

  #append(op: Extract<Op, { do: 'append' }>): void {
    const { task, points } = this.tasks.make(op);
    for (const point of points) this.faults.hit(point);
    send(this, task);
  }

  /** Every fault ends and the log is started again: from here on all must come right. */
  #heal(): void {
    this.scheduler.note('heal');
    this.faults.disarmAll();
    this.operator.heal();
    this.#healedAtMs = this.scheduler.nowMs;
    this.#phase = 'healing';
    send(this, this.tasks.probe());
  }

  #lookHealed(): void {
    const open = this.tasks.all.filter((task) => task.state === 'open');
    if (open.length === 0) {
      this.#phase = 'checking';
      finalCheck(this).then(
        () => {
          this.#phase = 'done';
        },
        (error: unknown) => {
          this.violation ??= asViolation(error);
        },
      );
    } else if (this.scheduler.nowMs > (this.#healedAtMs ?? 0) + HEAL_MS)
      this.#fail('L', `${open.length} requests are not answered ${HEAL_MS} ms after the last fault`);
  }

  /** Starts a process on a folder; the operator hears what comes of it. */
  launch(name: string, disk: Disk, key: NoteSigner = KEY): Server {
    const server = new Server(name, this.site, disk, key);
    this.servers.push(server);
    for (const other of this.servers) {
      if (other === server || key !== KEY) continue;
      other.hadRival = true;
      server.hadRival = true;
    }
    server.process.onCrash = () => this.kill(server, 'tears a write');
    server.process.onFault = (fault) => this.operator.onFault(server, fault);
    server.process.onHung = () => this.operator.watch(server);
    this.scheduler.note(`${name} starts`);
    server.opened = server.start();
    server.opened.then(
      (log) => this.check(() => this.#onOpen(server, log.head.size)),
      (error: unknown) => this.check(() => this.#onRefused(server, error)),
    );
    return server;
  }

  #onOpen(server: Server, size: number): void {
    const { log } = server;
    if (log === undefined || !server.process.alive) return;
    this.scheduler.note(`${server.name} runs at ${size}`);
    server.seen = log.head;
    server.findingsAtStart = log.findings.length;
    server.findingsSeen = server.findingsAtStart;
    this.oracle.onStart(server, log.head);
    this.operator.onOpen(server);
    void log.failed.then((error) =>
      this.check(() => {
        if (server.process.alive) this.operator.onFailed(server, error);
      }),
    );
  }

  #onRefused(server: Server, error: unknown): void {
    if (!server.process.alive) return;
    this.operator.onRefused(server, error);
  }

  /** Ends a process where it stands. */
  kill(server: Server, why: string): void {
    if (!server.process.alive) return;
    this.scheduler.note(`${server.name} ends: ${why}`);
    server.process.kill();
    this.servers.splice(this.servers.indexOf(server), 1);
    this.operator.onEnd(server);
  }

  check(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.violation ??= asViolation(error);
    }
  }

  #fail(rule: string, what: string): void {
    this.violation ??= new Violation(rule, what);
  }

  // What clients ask of their world.
  isSafeToRepeat(task: Task): boolean {
    const { duplicates } = this.plan;
    if (this.plan.events === true) return task.retryKey !== undefined || task.texts.every(hasId);
    return duplicates === 'content' || (duplicates === 'key' && task.key !== undefined);
  }
  pickServer(): Server | undefined {
    const open = this.servers.filter(
      ({ log, process, stopping }) => log !== undefined && process.alive && !process.paused && !stopping,
    );
    return open.length === 0 ? undefined : this.choice.pick(open);
  }
  later(minMs: number, maxMs: number, run: () => void): void {
    this.scheduler.after(this.choice.between(minMs, maxMs), run);
  }
  hit(point: Point): void {
    this.faults.hit(point);
  }
  onDamaged(server: Server): void {
    this.operator.onDamaged(server);
  }
  flipsEntry(server: Server): boolean {
    return server.process.takes('entry-flip');
  }
  onAck(...ack: Parameters<Oracle['onAck']>): void {
    this.oracle.onAck(...ack);
  }
  onConflict(server: Server, task: Task, details: Parameters<EventOracle['onConflict']>[2]): void {
    if (server.log !== undefined) this.oracle.onHead(server, server.log.head);
    this.oracle.events?.onConflict(server, task, details);
    this.hit('client-id-conflict');
  }
  isKeyReused(task: Task): boolean {
    return this.tasks.isKeyReused(task);
  }
  note(line: string): void {
    this.scheduler.note(line);
  }
}

function hasId(text: string): boolean {
  return text.startsWith('{"id"');
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  return new Violation('program', error instanceof Error ? (error.stack ?? error.message) : String(error));
}
