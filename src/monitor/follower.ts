import { proveConsistent } from '../client/consistency.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { compareWithMark } from '../client/mark.ts';
import type { LogTrust } from '../client/trust.ts';
import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import type { Clock } from '../runtime/clock.ts';
import { catchUp } from './catch-up.ts';
import { forkError, notAPrefix, notEmpty, twoRoots } from './fork.ts';
import type { HeardHead, HeardHeads } from './heard-heads.ts';
import { type LogState, NO_ROWS, type VerifiedTree } from './log-state.ts';
import { type Observation, observationOfHead, observationOfTree, observed } from './observation.ts';
import { rootAt } from './tree-nodes.ts';

/** A clock of a witness may be ahead of ours by so much. */
const SKEW_SEC = 60;
/** From the first round that a heard head could not be connected in, to suspicion. */
const SUSPECT_MS = 120_000;
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
  /** A head whose freshness is older is stale; undefined: never. */
  readonly staleSec?: number;
}

/** What a look at a log came to. `unanswered`: there was no answer to judge, and nothing is said of the tree. */
export interface Round {
  readonly observations: readonly Observation[];
  readonly unanswered?: TlogError;
}

/** How a heard head stands to the verified tree. `ahead`: it is kept until it can be compared. */
export type HeardOutcome = 'same' | 'prefix' | 'ahead';

/** Follows one log: every head must be signed, extend the one before, and be the root of the entries that the log serves. Spec MONITOR. */
export class Follower {
  readonly #deps: FollowerDeps;
  #reachedMs: number;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
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
   * One look at the log. Rounds of one log must not overlap.
   * @throws TlogError of a fatal kind: end the process; the reason of `signal`
   */
  async round(signal?: AbortSignal): Promise<Round> {
    const found: Observation[] = [];
    let head: VerifiedCheckpoint | undefined;
    const looked = await observed(async () => {
      const { body } = await this.#deps.calls.ask({ path: 'checkpoint', bytesMax: NOTE_BYTES_MAX, signal });
      head = await this.#deps.trust.signed(body);
    }, observationOfHead);
    if (head === undefined) return this.#ended([...looked.found], looked.unanswered);
    const taken = await this.#take(head, found, signal);
    found.push(...(await this.#compareHeard(signal)), ...this.#staleness());
    return this.#ended(found, taken);
  }

  /**
   * Compares a head that somebody else has seen, and that a key of the log has signed, with the verified tree.
   * @throws TlogError fork with evidence
   */
  async hear(head: VerifiedCheckpoint): Promise<HeardOutcome> {
    const { hasher, state, heard, clock } = this.#deps;
    if (head.size === 0 && !equalBytes(head.rootHash, hasher.emptyRoot))
      throw forkError(notEmpty(hasher, head));
    const { tree } = state;
    const outcome = tree === undefined ? 'ahead' : await this.#compare(tree, head);
    if (outcome === 'ahead') await heard.add(head, clock.monotonicMs());
    return outcome;
  }

  /** Gives what kept it from an answer, if anything did. */
  async #take(
    head: VerifiedCheckpoint,
    found: Observation[],
    signal: AbortSignal | undefined,
  ): Promise<TlogError | undefined> {
    let published: PolicyCheckpoint | undefined;
    const policy = await observed(async () => {
      published = await this.#deps.trust.published(head.note);
    }, observationOfHead);
    found.push(...policy.found, ...this.#clockSkew(published));
    const timeSec = this.#timeOf(head, published);
    const taken = await observed(
      () => this.#goOn(head, timeSec, signal),
      (error) => observationOfTree(error, head.size),
    );
    found.push(...taken.found);
    return taken.unanswered;
  }

  async #goOn(head: VerifiedCheckpoint, timeSec: number, signal: AbortSignal | undefined): Promise<void> {
    const { state, hasher } = this.#deps;
    const { tree } = state;
    if (head.size === 0 && !equalBytes(head.rootHash, hasher.emptyRoot))
      throw forkError(notEmpty(hasher, head));
    if (tree === undefined || head.size > tree.record.size)
      return catchUp(this.#deps, state, { head, timeSec, signal });
    // A smaller head may be an old one, and may be another history: the worse is told, as soon as it can be shown.
    const outcome = await this.hear(head);
    if (outcome === 'same') return this.#refresh(tree, head, timeSec);
    compareWithMark(tree.record, head);
  }

  /** The same tree, signed by witnesses anew. */
  async #refresh({ record }: VerifiedTree, { note }: VerifiedCheckpoint, timeSec: number): Promise<void> {
    const { state } = this.#deps;
    if (timeSec > record.timeSec) await state.advance({ ...record, note, timeSec }, state.edge, NO_ROWS);
  }

  async #compare(tree: VerifiedTree, head: VerifiedCheckpoint): Promise<HeardOutcome> {
    const { hasher } = this.#deps;
    const { record } = tree;
    if (head.size > record.size) return 'ahead';
    if (head.size === record.size) {
      if (equalBytes(head.rootHash, record.rootHash)) return 'same';
      throw forkError(twoRoots(record, head));
    }
    const root = await rootAt(hasher, tree, head.size).catch(unlessFatal);
    // Leaf hashes could not be had of the log: it is tried again in each round.
    if (root === undefined) return 'ahead';
    if (equalBytes(root, head.rootHash)) return 'prefix';
    throw forkError(await notAPrefix(hasher, tree, { older: head, newer: record }));
  }

  async #compareHeard(signal: AbortSignal | undefined): Promise<Observation[]> {
    const found: Observation[] = [];
    for (const each of this.#deps.heard.all) {
      const compared = await observed(
        () => this.#connect(each, signal),
        (error) => this.#unconnected(each, error),
      );
      found.push(...compared.found);
    }
    return found;
  }

  /** Shows a heard head to be on the verified tree, or that the log says so, which counts until the tree has grown to it. */
  async #connect(heard: HeardHead, signal: AbortSignal | undefined): Promise<void> {
    const { calls, hasher, state } = this.#deps;
    const { tree } = state;
    if (tree === undefined) return;
    const outcome = await this.#compare(tree, heard.head);
    if (outcome !== 'ahead') return this.#deps.heard.drop(heard);
    if (heard.head.size > tree.record.size)
      await proveConsistent({ calls, hasher }, { kept: tree.record, fresh: heard.head, signal });
    else await rootAt(hasher, tree, heard.head.size);
  }

  #unconnected({ head, sinceMs }: HeardHead, error: TlogError): Observation | undefined {
    const record = this.#deps.state.record;
    if (error.code === 'fork') return observationOfTree(error, head.size);
    // A head may be ahead of the copy of the log that answers us: that alone says nothing.
    if (this.#deps.clock.monotonicMs() - sinceMs < SUSPECT_MS) return undefined;
    return {
      kind: 'suspicion',
      message: `a signed head of size ${head.size} could not be connected with the tree that the log shows: ${error.message}`,
      sizes: [...(record === undefined ? [] : [record.size]), head.size],
      notes: [...(record === undefined ? [] : [record.note]), head.note],
    };
  }

  #timeOf(head: VerifiedCheckpoint, published: PolicyCheckpoint | undefined): number {
    const { state, clock } = this.#deps;
    const { record } = state;
    if (published?.freshnessSec !== undefined) return published.freshnessSec;
    return record?.size === head.size ? record.timeSec : Math.floor(clock.nowMs() / 1_000);
  }

  #clockSkew(published: PolicyCheckpoint | undefined): Observation[] {
    const nowSec = Math.floor(this.#deps.clock.nowMs() / 1_000);
    return (published?.cosigned ?? [])
      .filter(({ timeSec }) => timeSec > nowSec + SKEW_SEC)
      .map(({ witness, timeSec }) => ({
        kind: 'clock_skew',
        message: `the cosignature of ${witness} is of ${timeSec - nowSec} s in the future`,
      }));
  }

  #staleness(): Observation[] {
    const { state, staleSec, clock } = this.#deps;
    const { record } = state;
    if (record === undefined || staleSec === undefined) return [];
    const ageSec = Math.floor(clock.nowMs() / 1_000) - record.timeSec;
    if (ageSec <= staleSec) return [];
    const message = `the head of size ${record.size} is from ${ageSec} s ago; at most ${staleSec} s are expected`;
    return [{ kind: 'stale_head', message, sizes: [record.size] }];
  }

  #ended(observations: Observation[], unanswered: TlogError | undefined): Round {
    const nowMs = this.#deps.clock.monotonicMs();
    if (unanswered === undefined) {
      this.#reachedMs = nowMs;
      return { observations };
    }
    const silentMs = nowMs - this.#reachedMs;
    if (silentMs >= UNREACHABLE_MS) {
      const message = `no answer for ${Math.floor(silentMs / 1_000)} s: ${unanswered.message}`;
      observations.push({ kind: 'unreachable', message });
    }
    return { observations, unanswered };
  }
}

/** Undefined where the log could not be asked, or gave what it had not signed. */
function unlessFatal(error: unknown): undefined {
  if (error instanceof TlogError && error.kind !== 'fatal') return undefined;
  throw error;
}
