import type { LogTrust } from '../client/trust.ts';
import { TlogError } from '../core/error.ts';
import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import type { Clock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { Store } from '../store/store.ts';
import { originHash } from '../witness/witness-record.ts';
import { Asking } from './asking.ts';
import { withWitnesses } from './bad-witness.ts';
import type { Follower, Round } from './follower.ts';
import type { HeardOutcome } from './head-comparer.ts';
import { type Observation, observationOfRefusal, observationOfTree } from './observation.ts';

/** A log that is followed, or the reason why it is not. */
export interface MonitoredLog {
  readonly origin: string;
  readonly pollMs: number;
  readonly mirror: boolean;
  readonly follower: Follower | TlogError;
  /** Verifies its notes, also where it is not followed. */
  readonly trust: LogTrust;
}

/** What a monitor is made of. Whoever makes these closes none: the monitor does. */
export interface MonitorDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly logs: readonly MonitoredLog[];
  /** A number in [0, 1). */
  random(): number;
  /** Resolves once what was observed is durable. */
  report(origin: string, observation: Observation): Promise<void>;
  /** Told of what a round that had its answers has found: what is not in it is over. */
  settle?(origin: string, still: readonly Observation[]): Promise<void>;
}

/** How a followed log stands. */
export interface MonitoredLogStatus {
  readonly origin: string;
  readonly size?: number;
  readonly rootHash?: Uint8Array;
  /** POSIX seconds: freshness of the head, or when it was first seen. */
  readonly timeSec?: number;
  /** POSIX seconds of the last answer. */
  readonly reachedSec?: number;
  /** Of the last round. */
  readonly observations: readonly Observation[];
  readonly unanswered?: TlogError;
  readonly refused?: TlogError;
}

/** What a heard head came to. */
export interface Heard {
  readonly origin: string;
  readonly size: number;
  readonly outcome: HeardOutcome | 'fork' | 'refused';
  /** Text of a file that convicts the log; of a fork. */
  readonly evidence?: string;
}

/** Follows logs. Each has a loop of its own; what is observed is reported before the next round. */
export class Monitor implements AsyncDisposable {
  readonly #deps: MonitorDeps;
  readonly #logs: ReadonlyMap<string, MonitoredLog>;
  readonly #byHash: ReadonlyMap<string, MonitoredLog>;
  readonly #rounds = new Map<string, Round & { readonly reachedSec?: number }>();
  readonly #told = new Map<string, Set<Observation['kind']>>();
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  /** Ends a wait before its time. */
  readonly #wakes = new Map<string, AbortController>();
  #fail: (error: unknown) => void = () => undefined;
  /** Resolves with what ended it: after that it verifies nothing, and the process has to end. */
  readonly failed: Promise<unknown>;

  constructor(deps: MonitorDeps) {
    this.#deps = deps;
    this.#logs = new Map(deps.logs.map((log) => [log.origin, log]));
    // Kept, as everybody may ask by it: to hash a thousand origins takes a millisecond.
    this.#byHash = new Map(deps.logs.map((log) => [originHash(log.origin), log]));
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Follows every log until `close`. */
  start(): void {
    for (const log of this.#logs.values()) this.#loops.push(this.#loop(log));
  }

  /** One round of every log; resolves once all that was observed is durable. @throws TlogError of a fatal kind */
  async once(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => this.#round(log)));
  }

  /** Looks at a log soon, though its time has not come. */
  wake(origin: string): void {
    this.#wakes.get(origin)?.abort();
  }

  /** What was reported of a log since the start: by its rounds, and by what others have shown. */
  told(origin: string): Observation['kind'][] {
    return [...(this.#told.get(origin) ?? [])];
  }

  /** Notes of the verified heads, one a log. */
  heads(): string[] {
    return this.#running().flatMap(({ state }) => state.record?.note ?? []);
  }

  /** Notes of the verified heads, and of those that were heard of and could not be compared yet. */
  known(): string[] {
    return [...this.heads(), ...this.#running().flatMap((follower) => follower.heardNotes)];
  }

  /** The log of an origin's SHA-256. */
  byHash(hash: string): { readonly log: MonitoredLog; readonly follower: Follower } | undefined {
    const log = this.#byHash.get(hash);
    return log === undefined || log.follower instanceof TlogError
      ? undefined
      : { log, follower: log.follower };
  }

  /**
   * Compares a head that somebody else has seen with the own view. A fork is reported before it is answered.
   * @throws TlogError unknown_origin, untrusted_checkpoint, malformed_note, malformed_checkpoint, server_busy: then nothing is kept
   */
  async hear(note: string, asking: Asking = new Asking()): Promise<Heard> {
    const { origin, size } = parseCheckpoint(parseNote(note).text);
    const log = this.#logs.get(origin);
    if (log === undefined)
      throw new TlogError('unknown_origin', `this monitor does not follow ${JSON.stringify(origin)}`);
    const head = await log.trust.signed(note).catch((cause: TlogError) => {
      throw new TlogError('untrusted_checkpoint', cause.message, { cause });
    });
    const { follower } = log;
    if (follower instanceof TlogError) return { origin, size, outcome: 'refused' };
    for (const observation of await follower.wentBackwards(head)) await this.#report(origin, observation);
    try {
      const outcome = await follower.hear(head, asking);
      if (outcome === 'ahead') this.wake(origin);
      return { origin, size, outcome };
    } catch (error) {
      return this.#heardFork(origin, size, error);
    }
  }

  /** Reports evidence that somebody else has handed over and that convicts a followed log. */
  async convicted(origin: string, evidence: string, sizes: readonly number[]): Promise<void> {
    const message = `the log has signed two histories: sizes ${sizes.join(' and ')}; a peer had the evidence`;
    await this.#reportFork(origin, { kind: 'fork', message, sizes, evidence });
  }

  status(): MonitoredLogStatus[] {
    return [...this.#logs.values()].map(({ origin, follower }) => {
      if (follower instanceof TlogError) return { origin, observations: [], refused: follower };
      const { record } = follower.state;
      const head =
        record === undefined ? {} : { size: record.size, rootHash: record.rootHash, timeSec: record.timeSec };
      return { origin, ...head, ...(this.#rounds.get(origin) ?? { observations: [] }) };
    });
  }

  /** Ends rounds under way; they are made again by the next process. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const wake of this.#wakes.values()) wake.abort();
    await Promise.all(this.#loops);
    await Promise.all(this.#running().map(({ state }) => state.close()));
    await this.#deps.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #running(): Follower[] {
    return [...this.#logs.values()].flatMap(({ follower }) =>
      follower instanceof TlogError ? [] : [follower],
    );
  }

  #report(origin: string, observation: Observation): Promise<void> {
    const told = this.#told.get(origin) ?? new Set<Observation['kind']>();
    this.#told.set(origin, told.add(observation.kind));
    return this.#deps.report(origin, observation);
  }

  /** With it the witnesses who cosigned both sides. */
  async #reportFork(origin: string, fork: Observation): Promise<void> {
    const trust = this.#logs.get(origin)?.trust;
    const all = trust === undefined ? [fork] : await withWitnesses(nodeHasher, fork, trust);
    for (const observation of all) await this.#report(origin, observation);
  }

  async #heardFork(origin: string, size: number, error: unknown): Promise<Heard> {
    if (error instanceof TlogError && error.code === 'server_busy') throw error;
    if (!(error instanceof TlogError) || error.code !== 'fork') {
      this.#fail(error);
      throw error;
    }
    const observation = observationOfTree(error, size);
    if (observation !== undefined) await this.#reportFork(origin, observation);
    const { evidence } = error.details;
    return { origin, size, outcome: 'fork', ...(typeof evidence === 'string' ? { evidence } : {}) };
  }

  async #loop(log: MonitoredLog): Promise<void> {
    const { clock, random } = this.#deps;
    try {
      while (!this.#stop.signal.aborted) {
        const wake = new AbortController();
        this.#wakes.set(log.origin, wake);
        await this.#round(log);
        // Spread, so that many monitors do not ask at the same moment.
        await clock.sleep(log.pollMs * (0.9 + random() / 5), wake.signal);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    }
  }

  async #round({ origin, follower }: MonitoredLog): Promise<void> {
    if (follower instanceof TlogError) return this.#report(origin, observationOfRefusal(follower));
    const tell = (observation: Observation): Promise<void> => this.#report(origin, observation);
    const round = await follower.round(tell, this.#stop.signal);
    const before = this.#rounds.get(origin)?.reachedSec;
    const reachedSec = round.unanswered === undefined ? Math.floor(this.#deps.clock.nowMs() / 1_000) : before;
    this.#rounds.set(origin, { ...round, ...(reachedSec === undefined ? {} : { reachedSec }) });
    if (round.unanswered === undefined) await this.#deps.settle?.(origin, round.observations);
  }
}
