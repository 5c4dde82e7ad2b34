import { equalBytes } from '../core/bytes.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import { forkError, twoRoots } from './fork.ts';
import type { LogState } from './log-state.ts';

/** Heads of one log that are kept until they can be compared. Only the log's key can make more. */
const HEARD_MAX = 8;

/** A head that was heard of. */
export interface HeardHead {
  readonly head: VerifiedCheckpoint;
  /** On the monotonic clock of this process. */
  readonly sinceMs: number;
}

/** Heads that others have seen and that could not be compared with the verified tree yet. Kept over restarts. */
export class HeardHeads {
  readonly #state: LogState;
  #heads: readonly HeardHead[];

  private constructor(state: LogState, heads: readonly HeardHead[]) {
    this.#state = state;
    this.#heads = heads;
  }

  /** `verify` checks a stored note again; one that fails is dropped. */
  static async open(
    state: LogState,
    verify: (note: string) => Promise<VerifiedCheckpoint | undefined>,
    nowMs: number,
  ): Promise<HeardHeads> {
    const heads: HeardHead[] = [];
    for (const note of await state.heard()) {
      const head = await verify(note);
      if (head !== undefined) heads.push({ head, sinceMs: nowMs });
    }
    return new HeardHeads(state, heads);
  }

  get all(): readonly HeardHead[] {
    return this.#heads;
  }

  /** Durable on return; what is too much is let go. @throws TlogError fork when one of this size has another root */
  async add(head: VerifiedCheckpoint, nowMs: number): Promise<void> {
    const known = this.#heads.find((each) => each.head.size === head.size)?.head;
    if (known !== undefined && !equalBytes(known.rootHash, head.rootHash))
      throw forkError(twoRoots(known, head));
    if (known !== undefined || this.#heads.length >= HEARD_MAX) return;
    this.#heads = [...this.#heads, { head, sinceMs: nowMs }];
    await this.#state.keepHeard([head], []);
  }

  /** Forgets a head that is on the verified tree. */
  async drop({ head }: HeardHead): Promise<void> {
    this.#heads = this.#heads.filter((each) => each.head.size !== head.size);
    await this.#state.keepHeard([], [head.size]);
  }
}
