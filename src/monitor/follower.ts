import type { LogCalls } from '../client/log-calls.ts';
import { compareWithMark } from '../client/mark.ts';
import type { LogTrust } from '../client/trust.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import type { Clock } from '../runtime/clock.ts';
import { Asking } from './asking.ts';
import { wentBackwards, withWitnesses } from './bad-witness.ts';
import { catchUp } from './catch-up.ts';
import { clockSkew, staleness, timeOfHead } from './freshness.ts';
import { checkEmpty, HeadComparer, type HeardOutcome } from './head-comparer.ts';
import type { HeardHeads } from './heard-heads.ts';
import { type LogState, type MonitorRecord, NO_ROWS } from './log-state.ts';
import { type Observation, observationOfHead, observationOfTree, observed } from './observation.ts';

/** Without an answer for so long, somebody is told. */
const UNREACHABLE_MS = 300_000;

/** What one log is followed with. */
export interface FollowerDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  readonly trust: LogTrust;
  readonly clock: Clock;
  readonly state: LogState;
  readonly heard: HeardHeads;
  readonly mirror: boolean;
  readonly events: boolean;
  /** A head whose freshness is older is stale; undefined: never. */
  readonly staleSec?: number;
}

/** Gets what was observed, in its order; resolves once it is durable. */
export type Tell = (observation: Observation) => Promise<void>;

/** What a look at a log came to. `unanswered`: there was no answer to judge, and nothing is said of the tree. */
export interface Round {
  readonly observations: readonly Observation[];
  readonly unanswered?: TlogError;
}

/** Follows one log: every head must be signed, extend the one before, and be the root of the entries that the log serves. Spec MONITOR. */
export class Follower {
  readonly #deps: FollowerDeps;
  readonly #comparer: HeadComparer;
  #reachedMs: number;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    this.#comparer = new HeadComparer(deps);
    this.#reachedMs = deps.clock.monotonicMs();
  }

  get origin(): string {
    return this.#deps.trust.origin;
  }

  get state(): LogState {
    return this.#deps.state;
  }

  /** Heads that were heard of and could not be compared yet. */
  get heardNotes(): readonly string[] {
    return this.#deps.heard.all.map(({ head }) => head.note);
  }

  /**
   * One look at the log; all that is observed is told before it is over. Rounds of one log must not overlap.
   * @throws TlogError of a fatal kind: end the process; the reason of `signal`
   */
  async round(tell: Tell, signal?: AbortSignal): Promise<Round> {
    const observations: Observation[] = [];
    const note: Note = async (found) => {
      for (const each of await this.#withWitnesses(found)) {
        observations.push(each);
        await tell(each);
      }
    };
    const unanswered = await this.#look(note, signal);
    await note(this.#silence(unanswered));
    return { observations, ...(unanswered === undefined ? {} : { unanswered }) };
  }

  /**
   * Compares a head that somebody else has seen, and that a key of the log has signed, with the verified tree.
   * @throws as HeadComparer.hear
   */
  hear(head: VerifiedCheckpoint, asking: Asking): Promise<HeardOutcome> {
    return this.#comparer.hear(head, asking);
  }

  /** Witnesses that cosigned this head or the verified one after the larger of the two. */
  async wentBackwards(head: VerifiedCheckpoint): Promise<Observation[]> {
    const { hasher, trust, state } = this.#deps;
    return state.record === undefined ? [] : wentBackwards(hasher, state.record, head, trust);
  }

  async #withWitnesses(found: readonly Observation[]): Promise<Observation[]> {
    const { hasher, trust } = this.#deps;
    return (await Promise.all(found.map((each) => withWitnesses(hasher, each, trust)))).flat();
  }

  /** Gives what kept it from an answer, if anything did. */
  async #look(note: Note, signal: AbortSignal | undefined): Promise<TlogError | undefined> {
    let head: VerifiedCheckpoint | undefined;
    const looked = await observed(async () => {
      const { body } = await this.#deps.calls.ask({ path: 'checkpoint', bytesMax: NOTE_BYTES_MAX, signal });
      head = await this.#deps.trust.signed(body);
    }, this.#judgeHead);
    await note(looked.found);
    if (head === undefined) return looked.unanswered;
    const unanswered = await this.#take(head, note, signal);
    await note(this.#stale());
    await note(await this.#comparer.compareKept(signal));
    return unanswered;
  }

  async #take(
    head: VerifiedCheckpoint,
    note: Note,
    signal: AbortSignal | undefined,
  ): Promise<TlogError | undefined> {
    let published: PolicyCheckpoint | undefined;
    const policy = await observed(async () => {
      published = await this.#deps.trust.published(head.note);
    }, this.#judgeHead);
    await note([
      ...policy.found,
      ...clockSkew(published, this.#nowSec()),
      ...(await this.wentBackwards(head)),
    ]);
    const taken = await observed(
      () => this.#goOn(head, published?.freshnessSec, { tell: note, signal }),
      (error) => observationOfTree(error, head.size),
    );
    await note(taken.found);
    return taken.unanswered;
  }

  async #goOn(
    head: VerifiedCheckpoint,
    freshnessSec: number | undefined,
    how: { readonly tell: Note; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const { state, hasher } = this.#deps;
    const { record } = state;
    checkEmpty(hasher, head);
    if (record === undefined || head.size > record.size) {
      const timeSec = timeOfHead(freshnessSec, this.#nowSec());
      return catchUp(this.#deps, state, { head, timeSec, meanwhile: this.#tellingStale(how.tell), ...how });
    }
    // A smaller head may be an old one, and may be another history: the worse is told, as soon as it can be shown.
    const outcome = await this.hear(head, new Asking({ stop: how.signal }));
    if (outcome === 'same') return this.#refresh(record, head, freshnessSec);
    compareWithMark(record, head);
  }

  #stale(): Observation[] {
    return staleness(this.state.record, this.#deps.staleSec, this.#nowSec());
  }

  /** Tells that the verified head is stale, once, though the way to the next one is not over. */
  #tellingStale(tell: Note): () => Promise<void> {
    let isTold = false;
    return async () => {
      const found = isTold ? [] : this.#stale();
      isTold ||= found.length > 0;
      await tell(found);
    };
  }

  /** The same tree, signed by witnesses anew. */
  async #refresh(
    record: MonitorRecord,
    { note }: VerifiedCheckpoint,
    freshnessSec: number | undefined,
  ): Promise<void> {
    const { state, trust } = this.#deps;
    const timeSec = timeOfHead(freshnessSec, this.#nowSec());
    if (freshnessSec === undefined || timeSec <= record.timeSec) return;
    // A cosignature from the future is as new as now, however often it is shown: it has to be newer than the last one.
    if (freshnessSec > timeSec) {
      const before = await trust.published(record.note).catch(unlessOurBug);
      if (before?.freshnessSec !== undefined && before.freshnessSec >= freshnessSec) return;
    }
    await state.advance({ ...record, note, timeSec }, state.edge, NO_ROWS);
  }

  readonly #judgeHead = (error: TlogError): Observation | undefined =>
    observationOfHead(error, this.#deps.calls.urlOf('checkpoint'));

  #silence(unanswered: TlogError | undefined): Observation[] {
    const nowMs = this.#deps.clock.monotonicMs();
    if (unanswered === undefined) this.#reachedMs = nowMs;
    const silentMs = nowMs - this.#reachedMs;
    if (unanswered === undefined || silentMs < UNREACHABLE_MS) return [];
    const message = `no answer for ${Math.floor(silentMs / 1_000)} s: ${unanswered.message}`;
    return [{ kind: 'unreachable', message }];
  }

  #nowSec(): number {
    return Math.floor(this.#deps.clock.nowMs() / 1_000);
  }
}

type Note = (found: readonly Observation[]) => Promise<void>;

/** Undefined where the policy does not take it. */
function unlessOurBug(error: unknown): undefined {
  if (error instanceof TlogError) return undefined;
  throw error;
}
