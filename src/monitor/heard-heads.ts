import { equalBytes } from '../core/bytes.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { TreeSize } from '../core/units.ts';
import { forkError, twoRoots } from './fork.ts';
import type { LogState } from './log-state.ts';

/** Heads of one log that are kept until they can be compared. Only the log's key can make more. */
const HEARD_MAX = 8;

/** A head that was heard of. */
export interface HeardHead {
  readonly head: VerifiedCheckpoint;
  /** Milliseconds since 1970 of the first of the rounds in a row that it could not be connected in. */
  readonly failingSinceMs?: number;
}

/**
 * Heads that others have seen and that could not be compared with the verified tree yet. Kept over restarts, as is since when: a
 * monitor that runs once at a time has no other memory.
 */
export class HeardHeads {
  readonly #state: LogState;
  #heads: readonly HeardHead[];

  private constructor(state: LogState, heads: readonly HeardHead[]) {
    this.#state = state;
    this.#heads = heads;
  }

  /** `verify` checks a stored note again; one that fails is dropped. A time after `nowMs` is that of a clock that was set back. */
  static async open(
    state: LogState,
    verify: (note: string) => Promise<VerifiedCheckpoint | undefined>,
    nowMs: number,
  ): Promise<HeardHeads> {
    const heads: HeardHead[] = [];
    for (const { note, sinceMs } of await state.heard()) {
      const head = await verify(note);
      if (head === undefined) continue;
      heads.push(sinceMs === 0 ? { head } : { head, failingSinceMs: Math.min(sinceMs, nowMs) });
    }
    return new HeardHeads(state, heads);
  }

  get all(): readonly HeardHead[] {
    return this.#heads;
  }

  /**
   * Durable on return; of what is too much the largest is let go, for it is reached last: a log that shows heads far ahead must not take the
   * room of others. @throws TlogError fork when one of this size has another root
   */
  async add(head: VerifiedCheckpoint): Promise<void> {
    const known = this.#of(head.size)?.head;
    if (known !== undefined && !equalBytes(known.rootHash, head.rootHash))
      throw forkError(twoRoots(known, head));
    if (known !== undefined) return;
    const farthest = this.#heads.length < HEARD_MAX ? undefined : this.#farthest();
    if (this.#heads.length >= HEARD_MAX && (farthest === undefined || farthest.size < head.size)) return;
    await Promise.all([this.#put({ head }), farthest === undefined ? undefined : this.drop(farthest)]);
  }

  /** The largest head that is no suspicion in the making. */
  #farthest(): VerifiedCheckpoint | undefined {
    const connected = this.#heads.filter(({ failingSinceMs }) => failingSinceMs === undefined);
    return connected.map(({ head }) => head).sort((a, b) => b.size - a.size)[0];
  }

  /** Since when it could not be connected; durable on return. */
  async failed({ head, failingSinceMs }: HeardHead, nowMs: number): Promise<number> {
    if (failingSinceMs !== undefined) return failingSinceMs;
    // It may have made way for another meanwhile.
    if (this.#of(head.size) === undefined) return nowMs;
    await this.#put({ head, failingSinceMs: nowMs });
    return nowMs;
  }

  /** What was said of it before is forgotten. */
  async connected({ size }: VerifiedCheckpoint): Promise<undefined> {
    const known = this.#of(size);
    if (known?.failingSinceMs !== undefined) await this.#put({ head: known.head });
  }

  /** Forgets a head that is on the verified tree. */
  async drop({ size }: VerifiedCheckpoint): Promise<void> {
    this.#heads = this.#heads.filter(({ head }) => head.size !== size);
    await this.#state.forgetHeard(size);
  }

  #of(size: TreeSize): HeardHead | undefined {
    return this.#heads.find(({ head }) => head.size === size);
  }

  async #put(heard: HeardHead): Promise<void> {
    const { size, note } = heard.head;
    this.#heads = [...this.#heads.filter(({ head }) => head.size !== size), heard];
    await this.#state.keepHeard({ size, note, sinceMs: heard.failingSinceMs ?? 0 });
  }
}
