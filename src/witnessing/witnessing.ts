import type { Fetch } from '../client/bounded-fetch.ts';
import { TlogError } from '../core/error.ts';
import type { TreeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { OpenLog } from '../sequencer/open-log.ts';
import { START_MS } from './before-signing.ts';
import { Candidate, type Cosignature } from './candidate.ts';
import { endingError, endsLog } from './held-checkpoint.ts';
import { Nudge } from './nudge.ts';
import type { PublishedFile } from './published-file.ts';
import { PublishedHeads, type WitnessedHead } from './published-heads.ts';
import type { RequestBudget } from './request-budget.ts';
import { Waiters } from './waiters.ts';
import type { WitnessingAlert } from './witness-alert.ts';
import { WitnessCalls } from './witness-calls.ts';
import { type FeedDeps, type FeedStatus, WitnessFeed } from './witness-feed.ts';
import type { AskedWitness, WitnessPolicy } from './witness-policy.ts';

/** A request that waits for witnesses waits no longer. */
const WITNESSED_WAIT_MS = 10_000;
const REFRESH_MS = 60_000;

/** What an operator may set for a log. */
export interface WitnessingOptions {
  /** `require`: only what satisfies the policy is published. `prefer`: after `maxWitnessLagMs` the log head is, too. */
  readonly mode: 'require' | 'prefer';
  readonly maxWitnessLagMs: number;
  /** From one request to a witness to the next one of this log. */
  readonly intervalMs: (witness: string) => number;
  /** From a request to the last byte of its answer. */
  readonly timeoutMs: number;
}

/** What a log's witnesses are asked with. */
export interface WitnessingDeps extends WitnessingOptions {
  readonly log: OpenLog;
  readonly policy: WitnessPolicy;
  readonly file: PublishedFile;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly fetch: Fetch;
  readonly budget: RequestBudget;
  /** Resolves with the alert's file once it is durable; undefined where enough of them are kept. */
  keepAlert(alert: WitnessingAlert): Promise<string | undefined>;
  /** Told of what an operator should know and nothing depends on: a witness that fails, a head that could not be kept. */
  onTrouble(error: TlogError, witness?: string): void;
}

/** How a log stands with its witnesses. Sizes are numbers of entries, times POSIX seconds. */
export interface WitnessingStatus {
  readonly mode: WitnessingOptions['mode'];
  readonly witnessed: WitnessedHead | undefined;
  readonly witnesses: readonly FeedStatus[];
}

/** Has one log's heads cosigned and decides which one is published. It owns both heads, and the head that is asked for. */
export class Witnessing implements AsyncDisposable {
  readonly #deps: WitnessingDeps;
  readonly #heads: PublishedHeads;
  readonly #feeds: readonly WitnessFeed[];
  readonly #closing = new AbortController();
  readonly #lagNudge: Nudge;
  readonly #waiters: Waiters;
  /** Owned by #candidateFor. */
  #candidate: Candidate;
  /** So long a candidate waits for the slowest witness before a newer head takes its place. */
  readonly #holdMs: number;
  #running: Promise<unknown> = Promise.resolve();
  #stopListening: () => void = () => undefined;
  #nudging = false;

  private constructor(deps: WitnessingDeps, heads: PublishedHeads) {
    const { log, policy, clock, timeoutMs } = deps;
    this.#deps = deps;
    this.#heads = heads;
    this.#lagNudge = new Nudge(clock);
    this.#waiters = new Waiters(clock);
    this.#candidate = new Candidate(log.head, policy.policy, clock.monotonicMs());
    const intervals = policy.witnesses.map(({ name }) => deps.intervalMs(name));
    this.#holdMs = Math.max(...intervals) + timeoutMs;
    this.#feeds = policy.witnesses.map((witness) => new WitnessFeed(this.#feedDeps(witness)));
  }

  /**
   * Takes over what the log publishes and asks all witnesses what they hold, for five seconds at most; one that does not
   * answer is no reason to wait. Whoever starts it disposes of it before the log closes.
   * @throws TlogError data_damaged; fork, witness_ahead where a witness shows what the log cannot have signed
   */
  static async start(deps: WitnessingDeps): Promise<Witnessing> {
    const { file, log, policy, clock } = deps;
    const heads = await PublishedHeads.open({ file, log, policy: policy.policy });
    const witnessing = new Witnessing(deps, heads);
    log.publishBy(heads);
    const first = witnessing.#feeds.map((feed) => feed.step());
    const deadline = new AbortController();
    try {
      await Promise.race([Promise.all(first), clock.sleep(START_MS, deadline.signal)]);
    } catch (error) {
      for (const feed of witnessing.#feeds) feed.close();
      await Promise.allSettled(first);
      throw error;
    } finally {
      deadline.abort();
    }
    witnessing.#run(first);
    return witnessing;
  }

  get witnessedHead(): WitnessedHead | undefined {
    return this.#heads.witnessedHead;
  }

  /**
   * The witnessed head once it covers a size; undefined when it does not within ten seconds, or at once when too many wait
   * already, or since `stopWaiting`.
   */
  async waitFor(size: TreeSize): Promise<WitnessedHead | undefined> {
    const covering = (): WitnessedHead | undefined => {
      const { witnessedHead } = this;
      return witnessedHead !== undefined && witnessedHead.size >= size ? witnessedHead : undefined;
    };
    if (covering() === undefined) await this.#waiters.until(size, WITNESSED_WAIT_MS);
    return covering();
  }

  /** Who waits, or would, is answered by what there is: a server that stops has less time than they. Witnesses are asked on. */
  stopWaiting(): void {
    this.#waiters.close();
  }

  status(): WitnessingStatus {
    const { mode } = this.#deps;
    return { mode, witnessed: this.witnessedHead, witnesses: this.#feeds.map(({ status }) => status) };
  }

  #run(first: readonly Promise<void>[]): void {
    const { log, mode, clock } = this.#deps;
    this.#stopListening = log.onCommit(() => {
      if (this.#nudging) return;
      this.#nudging = true;
      // The log tells of a commit while its head is still the one before.
      void clock.nextTurn().then(() => this.#wake());
    });
    const loops = this.#feeds.map((feed, i) => feed.run(first[i] ?? Promise.resolve()));
    if (mode === 'prefer') loops.push(this.#publishLate());
    // What a witness shows ends the log; a bug in here ends the process, as every bug does.
    this.#running = Promise.all(loops.map((loop) => loop.catch((error: unknown) => this.#end(error))));
    this.#wake();
  }

  #wake(): void {
    this.#nudging = false;
    for (const feed of this.#feeds) feed.nudge();
    this.#lagNudge.wake();
  }

  #end(error: unknown): void {
    if (!(error instanceof TlogError)) throw error;
    this.#deps.log.end(error);
  }

  #feedDeps(witness: AskedWitness): FeedDeps {
    const { log, clock, random, fetch, timeoutMs, budget, intervalMs, onTrouble } = this.#deps;
    return {
      ...{ witness, log, clock, random, refreshMs: REFRESH_MS, intervalMs: intervalMs(witness.name) },
      cosignedBefore: this.#cosignedBefore(witness.name),
      calls: new WitnessCalls({ fetch, timeoutMs, budget }, witness.url),
      candidateFor: (size) => this.#candidateFor(size),
      onCosigned: (candidate, cosignature) => this.#take(candidate, witness.name, cosignature),
      onFailing: (error) => onTrouble(error, witness.name),
      alert: async (alert) => {
        const file = await this.#deps.keepAlert(alert);
        return endsLog(alert) ? endingError(alert, file) : undefined;
      },
    };
  }

  /** What a witness has cosigned of what was kept by an earlier process. */
  #cosignedBefore(name: string): SignedHead | undefined {
    const { witnessedHead } = this;
    return witnessedHead?.cosigned.some(({ witness }) => witness === name) === true
      ? witnessedHead
      : undefined;
  }

  /**
   * The head that a witness of a size is to be asked for. All are asked for the same one, as a quorum is over one head: a newer
   * one takes its place once it is satisfied, or has waited for every witness's turn.
   */
  #candidateFor(size: TreeSize): Candidate {
    const { log, policy, clock } = this.#deps;
    const { head, chosenAtMs } = this.#candidate;
    const nowMs = clock.monotonicMs();
    const isDone = this.#candidate.verdict().satisfied || nowMs - chosenAtMs >= this.#holdMs;
    if (log.head.size > head.size && (isDone || size > head.size))
      this.#candidate = new Candidate(log.head, policy.policy, nowMs);
    return this.#candidate;
  }

  async #take(candidate: Candidate, witness: string, cosignature: Cosignature): Promise<void> {
    candidate.add(witness, cosignature);
    if (!candidate.verdict().satisfied) return;
    await this.#keep(this.#heads.take(candidate.note()));
    if (this.witnessedHead !== undefined) this.#waiters.wake(this.witnessedHead.size);
  }

  /** A disk that takes no writes leaves the heads as they are; the next ones try again. */
  async #keep(kept: Promise<void>): Promise<void> {
    try {
      await kept;
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      const cause = error instanceof TlogError ? error : undefined;
      const message = `the published head could not be kept: ${(error as Error).message}`;
      this.#deps.onTrouble(cause ?? new TlogError('not_writable', message, { cause: error }));
    }
  }

  /** Mode `prefer`: the log head is published where the published one has been behind it for too long. */
  async #publishLate(): Promise<void> {
    const { log, clock, maxWitnessLagMs } = this.#deps;
    let behind: { readonly published: SignedHead; readonly sinceMs: number } | undefined;
    while (!this.#closing.signal.aborted) {
      const { publishedHead: published } = this.#heads;
      const nowMs = clock.monotonicMs();
      if (published.size === log.head.size) behind = undefined;
      else if (behind?.published !== published) behind = { published, sinceMs: nowMs };
      const leftMs = behind === undefined ? REFRESH_MS : behind.sinceMs + maxWitnessLagMs - nowMs;
      if (leftMs > 0) await this.#lagNudge.sleep(leftMs);
      else {
        await this.#keep(this.#heads.publishUnwitnessed(log.head));
        behind = undefined;
      }
    }
  }

  /** Stops asking; what is on its way is given up. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopListening();
    for (const feed of this.#feeds) feed.close();
    this.#lagNudge.wake();
    this.stopWaiting();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
