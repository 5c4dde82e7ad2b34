import { proveConsistent } from '../client/consistency.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { TileTree } from '../client/tile-tree.ts';
import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import { Asking } from './asking.ts';
import { checkPrefix, forkError, notAPrefix, notEmpty, twoRoots } from './fork.ts';
import type { HeardHead, HeardHeads } from './heard-heads.ts';
import { type LogState, sizeOf, type VerifiedTree } from './log-state.ts';
import { type Observation, observationOfTree, observed } from './observation.ts';
import { rootAt } from './tree-nodes.ts';

/** Longest comparison of all that is kept, in one round. */
const COMPARING_MS = 60_000;
/** From the first round that a heard head could not be connected in, to suspicion. */
const SUSPECT_MS = 120_000;

/** What heads of one log are compared with. */
export interface ComparerDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  readonly clock: Clock;
  readonly state: LogState;
  readonly heard: HeardHeads;
}

/** How a heard head stands to the verified tree. `ahead`: it is kept until it can be compared. */
export type HeardOutcome = 'same' | 'prefix' | 'ahead';

/** Compares heads that others have seen with the verified tree, at once or as soon as it can be done. Spec MONITOR-7. */
export class HeadComparer {
  readonly #deps: ComparerDeps;

  constructor(deps: ComparerDeps) {
    this.#deps = deps;
  }

  /**
   * Compares a head that a key of the log has signed.
   * @throws TlogError fork with evidence; server_busy: the log was asked enough for others, and the head is not kept
   */
  async hear(head: VerifiedCheckpoint, asking: Asking): Promise<HeardOutcome> {
    const { hasher, state, heard } = this.#deps;
    checkEmpty(hasher, head);
    const tree = state.treeAsking((work) => asking.ask(work));
    const outcome = tree === undefined ? 'ahead' : await this.#compare(tree, head);
    if (outcome !== 'ahead') return outcome;
    if (asking.isSpent && head.size <= sizeOf(tree?.record))
      throw new TlogError('server_busy', 'more heads of this log than are compared for one request');
    await heard.add(head);
    return outcome;
  }

  /** Compares all that is kept once more, side by side and for a minute at most: a log that drips its answers must not put off what else is to be told. */
  async compareKept(stop: AbortSignal | undefined): Promise<Observation[]> {
    const asking = new Asking({ ms: COMPARING_MS, asksMax: Number.POSITIVE_INFINITY, stop });
    const found = await Promise.all(this.#deps.heard.all.map((each) => this.#compareOne(each, asking)));
    return found.filter((each) => each !== undefined);
  }

  async #compareOne(heard: HeardHead, asking: Asking): Promise<Observation | undefined> {
    let failed: TlogError | undefined;
    await observed(
      () => asking.ask((signal) => this.#connect(heard, signal)),
      (error) => {
        failed = error;
        return undefined;
      },
    );
    return this.#judge(heard, failed);
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

  /** Shows a heard head to be on the verified tree, or that the log says so, which counts until the tree has grown to it. */
  async #connect({ head }: HeardHead, signal: AbortSignal): Promise<void> {
    const tree = this.#deps.state.treeAsking((work) => work(signal));
    if (tree === undefined) return;
    const outcome = await this.#compare(tree, head);
    if (outcome !== 'ahead') return this.#deps.heard.drop(head);
    if (head.size > tree.record.size) return this.#askLog(tree, head, signal);
    await rootAt(this.#deps.hasher, tree, head.size);
  }

  /** The log shows that a larger head extends the verified tree: by its proof, or by the tiles of that head. */
  async #askLog(tree: VerifiedTree, head: VerifiedCheckpoint, signal: AbortSignal): Promise<void> {
    const { calls, hasher } = this.#deps;
    try {
      await proveConsistent({ calls, hasher }, { kept: tree.record, fresh: head, signal });
    } catch (error) {
      if (!(error instanceof TlogError) || error.code === 'fork' || error.kind === 'unavailable') throw error;
      // A log of tiles alone gives no proofs, and one that lies may show by tiles what it does not prove.
      const heard = await TileTree.open(hasher, new TileCalls(calls, signal), head);
      await checkPrefix(hasher, heard, { older: tree.record, newer: head });
    }
  }

  async #judge(heard: HeardHead, error: TlogError | undefined): Promise<Observation | undefined> {
    const { state, clock, heard: kept } = this.#deps;
    const { head } = heard;
    if (error === undefined) return kept.connected(head);
    if (error.code === 'fork') return observationOfTree(error, head.size);
    // A head may be ahead of the copy of the log that answers us: that alone says nothing.
    const sinceMs = await kept.failed(heard, clock.nowMs());
    if (clock.nowMs() - sinceMs < SUSPECT_MS) return undefined;
    const record = state.record === undefined ? [] : [state.record];
    return {
      kind: 'suspicion',
      message: `a signed head of size ${head.size} could not be connected with the tree that the log shows: ${error.message}`,
      sizes: [...record, head].map(({ size }) => size),
      notes: [...record, head].map(({ note }) => note),
      cause: `head ${head.size} ${formatBase64(head.rootHash)}`,
    };
  }
}

/** @throws TlogError fork for an empty tree that is not empty */
export function checkEmpty(hasher: TreeHasher, head: VerifiedCheckpoint): void {
  if (head.size === 0 && !equalBytes(head.rootHash, hasher.emptyRoot))
    throw forkError(notEmpty(hasher, head));
}

/** Undefined where the log could not be asked, or gave what it had not signed. */
function unlessFatal(error: unknown): undefined {
  if (error instanceof TlogError && error.kind !== 'fatal') return undefined;
  throw error;
}
