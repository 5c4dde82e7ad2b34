import { TlogError } from '../core/error.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import { treeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import { type SliceBounds, Slices } from '../runtime/slices.ts';
import type { Guard } from '../store/guard.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import { EntryPlacer, type EntryPlacerDeps, type Placer } from './entry-placer.ts';
import { type Damage, damageOf } from './finding.ts';
import type { HeadSigner } from './head-signer.ts';
import type { AppendResult, CommitReport, LogRequest, SignedHead } from './log.ts';
import { PendingQueue, type PendingRequest, type QueueLimits } from './pending-queue.ts';
import type { Place, Placement } from './place-entries.ts';
import { type BatchPlan, planBatch } from './plan-batch.ts';
import { checkCommit } from './self-check.ts';
import type { TileReader } from './tile-reader.ts';
import type { TreeState } from './tree-state.ts';

/**
 * A commit of more takes tens of milliseconds of the processor. One of many small requests stays below: under a flood of
 * them a turn may take a second.
 */
const LONG_ENTRIES = 1_024;
const LONG_BYTES = 6 * 1024 * 1024;
/** What of a long commit is done in one turn, and a row more: some ten milliseconds. */
const SLICE: SliceBounds = { bytes: 4 * 1024 * 1024, steps: 2_048 };

/** A head and the tree it is about: what readers may see. */
export interface PublishedTree {
  readonly head: SignedHead;
  readonly state: TreeState;
  readonly signedAtMs: number;
}

export interface SequencerDeps extends EntryPlacerDeps {
  readonly store: Store;
  readonly guard: Guard;
  readonly signer: HeadSigner;
  readonly hasher: TreeHasher;
  readonly clock: Clock;
  readonly tiles: TileReader;
  readonly limits: QueueLimits;
  /** Places what is no opaque entry; absent in a log of entries. */
  readonly placer?: Placer | undefined;
  readonly onCommit: (report: CommitReport) => void;
  /** Told when a row that a commit looks up is damaged; gives what the requests of the commit are refused with. */
  readonly onDamage: (damage: Damage) => TlogError;
}

/**
 * The one writer of a log. Requests wait in a queue; the next commit takes what came while the last one was
 * synced, so there is no timer between a request and its answer.
 */
export class Sequencer {
  readonly #deps: SequencerDeps;
  readonly #placer: Placer;
  readonly #queue: PendingQueue;
  /** Owned by #commit: the newest tree with a signed and guarded head. */
  #tree: PublishedTree;
  #running: Promise<void> | undefined;
  #closing = false;
  #failure: TlogError | undefined;
  readonly failed: Promise<TlogError>;
  #reportFailure: (error: TlogError) => void = () => {};

  constructor(deps: SequencerDeps, tree: PublishedTree) {
    this.#deps = deps;
    this.#placer = deps.placer ?? new EntryPlacer(deps);
    this.#queue = new PendingQueue(deps.limits);
    this.#tree = tree;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  get tree(): PublishedTree {
    return this.#tree;
  }
  get queue(): PendingQueue {
    return this.#queue;
  }
  get closing(): boolean {
    return this.#closing;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Says no to an append that would be refused now. @throws TlogError queue_full, log_closing, commit_unknown */
  admit(entries: number, bytes: number): void {
    if (this.#failure !== undefined) throw stopped(this.#failure);
    if (this.#closing)
      throw new TlogError('log_closing', 'the log is stopping; send it again when it is back');
    this.#queue.admit(entries, bytes, this.#deps.clock.monotonicMs());
  }

  /** See Log.append. */
  append(request: LogRequest): Promise<AppendResult> {
    const { entries, bytes } = costOf(request);
    try {
      this.admit(entries, bytes);
    } catch (error) {
      return Promise.reject(error as TlogError);
    }
    const enqueuedAtMs = this.#deps.clock.monotonicMs();
    const leafHashes = this.#leafHashes(request);
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, leafHashes, entries, bytes, enqueuedAtMs, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  #leafHashes(request: LogRequest): readonly Hash[] {
    if (!('entries' in request)) return [];
    return request.leafHashes ?? request.entries.map((entry) => this.#deps.hasher.leafHash(entry));
  }

  /** Refuses what waits: nothing of it has been done. A commit under way is finished. */
  refuseWaiting(error: TlogError): void {
    for (const pending of this.#queue.clear()) pending.reject(error);
  }

  /** Takes nothing more and refuses what waits; a commit under way is finished, and nothing is signed after it. */
  end(error: TlogError): void {
    this.#fail(error, []);
  }

  /** Finishes what waits, then takes nothing more. Idempotent. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#queue.isEmpty && this.#failure === undefined) {
      // All requests that have arrived belong into this commit: what they share costs as much as thirty of them. Where
      // it is full without them, a turn is lost, and a turn of a busy server is long.
      if (!this.#queue.fillsCommit) await this.#deps.clock.nextTurn();
      const requests = this.#queue.take();
      try {
        await this.#commit(requests);
      } catch (error) {
        this.#fail(error, requests);
      }
      this.#queue.settle();
    }
    this.#running = undefined;
  }

  async #commit(requests: readonly PendingRequest[]): Promise<void> {
    const { hasher, clock, leafHashIndex } = this.#deps;
    const [startMs, nowMs] = [clock.monotonicMs(), clock.nowMs()];
    const placement = await this.#placeSound(requests, nowMs);
    if (placement === undefined) return;
    if (placement.leaves.length > 0) {
      const { state, head } = this.#tree;
      if (isLong(requests)) await clock.nextTurn();
      const plan = planBatch({ hasher, state, head, placement, leafHashIndex, nowMs });
      this.#tree = await this.#grow(plan, startMs);
    } else if (placement.rows !== undefined && placement.rows.length > 0) {
      // A retry key is kept though every event was known by its id.
      await this.#write({ puts: placement.rows, deletes: [] });
    }
    // Who is answered may ask again at once, and is not to be counted as one that waits.
    this.#queue.settle();
    for (const [i, pending] of requests.entries())
      answer(pending, placement.places[i] as Place, this.#tree.head);
  }

  /** Makes a plan true, in the order that keeps every promise (spec/sequencer.md SEQ-2). */
  async #grow(plan: BatchPlan, startMs: number): Promise<PublishedTree> {
    const { store, guard, signer, hasher, clock, tiles } = this.#deps;
    const marks = [startMs, clock.monotonicMs()];
    const slices = isLong(rowsOf(plan)) ? new Slices(SLICE, () => clock.nextTurn()) : undefined;
    await slices?.rest();
    // A crash in here leaves either nothing or an unsigned state, which the next start checks and signs.
    await this.#write(plan.batch, slices);
    marks.push(clock.monotonicMs());
    for (const tile of plan.sealed) tiles.remember(tile.level, tile.index, tile.nodes);
    const readNodes = (nodes: Parameters<TileReader['readNodes']>[1]) => tiles.readNodes(plan.edge, nodes);
    const frontier = await checkCommit(hasher, store, this.#tree.state, plan, readNodes, slices);
    marks.push(clock.monotonicMs());
    const head = await signer.sign(treeSize(plan.nextSize), plan.rootHash);
    marks.push(clock.monotonicMs());
    // A crash in here leaves a signature that nobody saw; the same bytes are signed again at the next start.
    const raised = await guard.raise({ size: head.size, rootHash: head.rootHash, note: head.note });
    if (raised === 'superseded')
      throw new TlogError(
        'guard_superseded',
        'another process has taken this log over: find out which one is to serve it, and start no other',
      );
    if (raised === 'unknown') {
      const message = 'the guard could not be raised; look at its disk, then restart';
      throw new TlogError('guard_unknown', message, { cause: guard.lastError });
    }
    marks.push(clock.monotonicMs());
    this.#report(plan, marks);
    return { head, state: { ...plan, size: head.size, frontier }, signedAtMs: clock.nowMs() };
  }

  async #write(batch: StoreBatch, slices?: Slices): Promise<void> {
    const { store } = this.#deps;
    if ((await store.commit(batch, slices)) === 'committed') return;
    const message = 'the write may or may not have happened; restart to recover';
    throw new TlogError('commit_unknown', message, { cause: store.lastError });
  }

  #report(plan: BatchPlan, marks: readonly number[]): void {
    const step = (i: number): number => (marks[i + 1] as number) - (marks[i] as number);
    this.#deps.onCommit({
      entries: plan.leaves.length,
      bytes: plan.leaves.reduce((sum, leaf) => sum + leaf.entry.length, 0),
      planMs: step(0),
      syncMs: step(1),
      checkMs: step(2),
      signMs: step(3),
      guardMs: step(4),
    });
  }

  /** Undefined when a row is damaged: nothing has been written yet, so the requests are refused and the log goes on reading. */
  async #placeSound(requests: readonly PendingRequest[], nowMs: number): Promise<Placement | undefined> {
    try {
      return await this.#placer.place(this.#tree.state.size, requests, nowMs);
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined) throw error;
      const refusal = this.#deps.onDamage(damage);
      for (const pending of requests) pending.reject(refusal);
      return undefined;
    }
  }

  #fail(error: unknown, requests: readonly PendingRequest[]): void {
    const failure =
      error instanceof TlogError
        ? error
        : new TlogError('internal', 'the sequencer failed', { cause: error });
    this.#failure = failure;
    for (const pending of [...requests, ...this.#queue.clear()]) pending.reject(stopped(failure));
    this.#reportFailure(failure);
  }
}

/** How many leaves a request may become, and its bytes. */
export function costOf(request: LogRequest): { entries: number; bytes: number } {
  const sizes =
    'entries' in request
      ? request.entries.map((entry) => entry.length)
      : request.events.map(({ text, content }) => text.length + (content?.length ?? 0));
  return { entries: sizes.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
}

/** Whether what is planned, written and checked takes so long that others are to have turns of the event loop between. */
function isLong(parts: readonly { readonly entries: number; readonly bytes: number }[]): boolean {
  const entries = parts.reduce((sum, part) => sum + part.entries, 0);
  return entries > LONG_ENTRIES || parts.reduce((sum, part) => sum + part.bytes, 0) > LONG_BYTES;
}

/** A commit of few entries may write a bundle whose others are large. */
function rowsOf({ leaves, batch }: BatchPlan): Parameters<typeof isLong>[0] {
  return [{ entries: leaves.length, bytes: batch.puts.reduce((sum, { value }) => sum + value.length, 0) }];
}

function answer(pending: PendingRequest, place: Place, head: SignedHead): void {
  if ('refused' in place) pending.reject(place.refused);
  else pending.resolve({ indexes: place.indexes, isNew: place.isNew, leafHashes: pending.leafHashes, head });
}

function stopped(cause: TlogError): TlogError {
  return new TlogError(
    'commit_unknown',
    'the log has stopped; whether this was added is unknown. Send it again with the same key',
    { cause },
  );
}
