import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { verifyConsistency } from '../core/merkle/consistency.ts';
import type { AddCheckpoint } from '../core/note/add-checkpoint.ts';
import type { Checkpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import { type TreeSize, treeSize } from '../core/units.ts';
import type { Cosigner } from '../keys/cosigner.ts';
import type { Clock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { RateLimit } from '../runtime/rate-limit.ts';
import type { Guard } from '../store/guard.ts';
import type { Store } from '../store/store.ts';
import { forkShown, type ShownFork } from './fork-shown.ts';
import { encodeRecord, markOf, originHash, recordKey, type WitnessRecord } from './witness-record.ts';

/** A clock that went back by less is waited for. */
const CLOCK_WAIT_SEC = 60;
/** Requests of one log that wait for their turn. */
const WAITING_MAX = 1_024;

/** What a request came to: signature lines to give out, or the size that the next request has to start from. */
export type CosignOutcome =
  | { readonly kind: 'cosigned'; readonly lines: string; readonly size: TreeSize }
  | { readonly kind: 'stale'; readonly size: TreeSize };

/** A request whose note a trusted key of the origin has signed. */
export interface TrustedRequest extends AddCheckpoint {
  readonly checkpoint: Checkpoint;
}

/** What a witnessed log works with. */
export interface WitnessedLogDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly guard: Guard;
  readonly cosigner: Cosigner;
  /** Requests a second that grow, and as many that do not; 0 has no limit. */
  readonly logRate: number;
  /** Gets what convicts the log, before the refusal goes out. */
  onFork(origin: string, fork: ShownFork): Promise<void>;
}

/**
 * The last checkpoint that was cosigned for one origin. Requests take turns: check, store and guard are one step, so that
 * no two of them can start from the same record. Whoever gets a fatal error ends the process.
 */
export class WitnessedLog {
  readonly origin: string;
  readonly #deps: WitnessedLogDeps;
  readonly #key: Uint8Array;
  readonly #growth: RateLimit;
  /** Of requests that do not grow, which everybody can send who has seen a head: they take nothing from the log. */
  readonly #repeats: RateLimit;
  /** Changed by #cosign alone, once the guard has it. */
  #record: WitnessRecord | undefined;
  #lines = '';
  /** A request to cosign the recorded head anew that has no answer yet. */
  #refreshing: Refreshing | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #failure: TlogError | undefined;
  readonly #closing = new AbortController();

  private constructor(origin: string, deps: WitnessedLogDeps, record: WitnessRecord | undefined) {
    this.origin = origin;
    this.#deps = deps;
    this.#key = recordKey(originHash(origin));
    this.#growth = new RateLimit(deps.logRate, deps.clock.monotonicMs());
    this.#repeats = new RateLimit(deps.logRate, deps.clock.monotonicMs());
    this.#record = record;
  }

  /** Starts from a record that agrees with the guard, or is the one that a crash kept from reaching it. */
  static async open(
    origin: string,
    deps: WitnessedLogDeps,
    record: WitnessRecord | undefined,
  ): Promise<WitnessedLog> {
    const log = new WitnessedLog(origin, deps, record);
    if (record === undefined) return log;
    await log.#raise(record);
    log.#lines = await log.#sign(record);
    return log;
  }

  /** What was cosigned last; undefined before the first time. */
  get record(): WitnessRecord | undefined {
    return this.#record;
  }

  /** The last checkpoint with the signatures of the log and our own. */
  get cosigned(): string | undefined {
    return this.#record === undefined ? undefined : `${this.#record.note}${this.#lines}`;
  }

  /** Whether the head is of more than was cosigned last, or the first. */
  #grows({ checkpoint }: TrustedRequest): boolean {
    return this.#record === undefined || checkpoint.size > this.#record.size;
  }

  /**
   * @throws TlogError rate_limited, old_size_above, unproven_checkpoint, clock_behind, queue_full; of a fatal kind: end
   * the process
   */
  async cosign(request: TrustedRequest): Promise<CosignOutcome> {
    const { record } = this;
    if (record !== undefined && isRefresh(record, request)) return this.#refresh(record, request);
    if (!this.#grows(request)) this.#repeats.take(this.#deps.clock.monotonicMs());
    if (request.oldSize > request.checkpoint.size)
      throw new TlogError(
        'old_size_above',
        `old ${request.oldSize} is above the checkpoint's size ${request.checkpoint.size}`,
      );
    return this.#inTurn(request);
  }

  /**
   * The recorded head is cosigned once a second at most, and whoever asks meanwhile gets the same: an idle log needs its refresh, and everybody
   * who has seen its head can ask for it.
   */
  #refresh(record: WitnessRecord, request: TrustedRequest): CosignOutcome | Promise<CosignOutcome> {
    const nowSec = Math.floor(this.#deps.clock.nowMs() / 1_000);
    if (nowSec === record.timeSec) {
      this.#checkOpen();
      return { kind: 'cosigned', lines: this.#lines, size: record.size };
    }
    if (this.#refreshing?.record !== record) {
      const outcome = this.#inTurn(request).finally(() => {
        if (this.#refreshing?.outcome === outcome) this.#refreshing = undefined;
      });
      this.#refreshing = { record, outcome };
    }
    return this.#refreshing.outcome;
  }

  async #inTurn(request: TrustedRequest): Promise<CosignOutcome> {
    if (this.#waiting >= WAITING_MAX)
      throw new TlogError('queue_full', 'too many requests for this log wait');
    this.#waiting += 1;
    const turn = this.#turn.then(() => this.#cosign(request));
    this.#turn = turn.catch(() => undefined);
    return turn.finally(() => {
      this.#waiting -= 1;
    });
  }

  async #cosign(request: TrustedRequest): Promise<CosignOutcome> {
    this.#checkOpen();
    await this.#noteFork(request);
    const size = this.#record?.size ?? treeSize(0);
    if (request.oldSize !== size) return { kind: 'stale', size };
    this.#checkGrowth(request);
    const { checkpoint, note } = request;
    // Only now: whoever has seen a head could send it with a proof that leads nowhere.
    if (this.#grows(request)) this.#growth.take(this.#deps.clock.monotonicMs());
    const record = {
      size: checkpoint.size,
      rootHash: checkpoint.rootHash,
      timeSec: await this.#timeSec(),
      note,
    };
    await this.#keep(record);
    this.#lines = await this.#sign(record);
    this.#record = record;
    return { kind: 'cosigned', lines: this.#lines, size: record.size };
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing.signal.aborted) throw closing();
  }

  /** What convicts the log is kept whatever else the request is. */
  async #noteFork(request: TrustedRequest): Promise<void> {
    const fork = forkShown(this.#record, request);
    if (fork !== undefined) await this.#deps.onFork(this.origin, fork);
  }

  /** Only of a record that is durable and guarded. */
  #sign({ note, timeSec }: WitnessRecord): Promise<string> {
    return this.#deps.cosigner.cosign(parseNote(note).text, timeSec).catch((error) => this.#fail(error));
  }

  /** @throws TlogError unproven_checkpoint */
  #checkGrowth({ checkpoint: { size, rootHash }, proof }: TrustedRequest): void {
    const old = this.#record;
    if (size === 0 && !equalBytes(rootHash, nodeHasher.emptyRoot))
      throw unproven('size 0 with a root other than that of the empty tree');
    try {
      verifyConsistency(nodeHasher, {
        oldSize: old?.size ?? treeSize(0),
        oldRoot: old?.rootHash ?? nodeHasher.emptyRoot,
        newSize: size,
        newRoot: rootHash,
        proof,
      });
    } catch (cause) {
      throw unproven((cause as Error).message, cause);
    }
  }

  /** The second to sign: never before the last one. @throws TlogError clock_behind */
  async #timeSec(): Promise<number> {
    const { clock } = this.#deps;
    const last = this.#record?.timeSec ?? 1;
    const endMs = clock.monotonicMs() + CLOCK_WAIT_SEC * 1_000;
    for (;;) {
      const nowMs = clock.nowMs();
      const nowSec = Math.floor(nowMs / 1_000);
      if (nowSec >= last) return nowSec;
      const behindMs = last * 1_000 - nowMs;
      if (behindMs > endMs - clock.monotonicMs())
        throw new TlogError(
          'clock_behind',
          `the clock is ${Math.ceil(behindMs / 1_000)} s behind the last cosignature: set it right`,
        );
      await clock.sleep(behindMs, this.#closing.signal);
      if (this.#closing.signal.aborted) throw closing();
    }
  }

  /** Durable and guarded on return; whatever else it comes to ends the process. */
  async #keep(record: WitnessRecord): Promise<void> {
    const { store } = this.#deps;
    const puts = [{ key: this.#key, value: encodeRecord(record) }];
    if ((await store.commit({ puts, deletes: [] })) !== 'committed')
      this.#fail(
        new TlogError('commit_unknown', 'a record may or may not be stored', { cause: store.lastError }),
      );
    await this.#raise(record);
  }

  async #raise(record: WitnessRecord): Promise<void> {
    const { guard } = this.#deps;
    const outcome = await guard.raise(markOf(record));
    if (outcome === 'superseded')
      this.#fail(new TlogError('guard_superseded', 'another process took the guard over'));
    if (outcome === 'unknown')
      this.#fail(new TlogError('guard_unknown', 'the guard could not be raised', { cause: guard.lastError }));
  }

  #fail(failure: TlogError): never {
    this.#failure = failure;
    throw failure;
  }

  /** Ends once the request whose turn it is has its answer; those behind it are refused, as is who comes later. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#turn;
    await this.#deps.guard.close();
  }
}

interface Refreshing {
  readonly record: WitnessRecord;
  readonly outcome: Promise<CosignOutcome>;
}

/** Whether a request is for the recorded head again: the same text, which is what is signed. */
function isRefresh({ size, note }: WitnessRecord, { oldSize, proof, ...request }: TrustedRequest): boolean {
  if (oldSize !== size || request.checkpoint.size !== size || proof.length > 0) return false;
  return parseNote(request.note).text === parseNote(note).text;
}

function closing(): TlogError {
  return new TlogError('log_closing', 'the witness no longer cosigns for this log');
}

function unproven(why: string, cause?: unknown): TlogError {
  return new TlogError('unproven_checkpoint', why, { cause });
}
