import { TlogError } from '../core/error.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import { type ConsistencyDeps, proveConsistent } from './consistency.ts';
import { compareWithMark, type Mark, type MarkStore } from './mark.ts';
import type { LogTrust } from './trust.ts';

export interface HeadTrackerDeps extends ConsistencyDeps {
  readonly trust: LogTrust;
  readonly marks: MarkStore;
}

/**
 * Remembers what a log has signed and holds it to that. Two sources have a mark each: published heads, which only
 * grow, and receipts, which may run ahead of them and overtake one another. Each checkpoint must be consistent with
 * the larger mark, so all that were ever taken lie on one tree.
 */
export class HeadTracker {
  readonly #deps: HeadTrackerDeps;
  readonly #publishedSource: string;
  readonly #receiptSource: string;
  /** Notes as they were stored last, with what they say: each is verified once. */
  readonly #read = new Map<string, VerifiedCheckpoint>();
  /** Checkpoints are taken one after the other; ends with the last one that waits. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(deps: HeadTrackerDeps) {
    this.#deps = deps;
    this.#publishedSource = deps.calls.urlOf('checkpoint');
    this.#receiptSource = deps.calls.urlOf('entries');
  }

  /**
   * The largest published head so far. To be asked for before the request whose answer brings the next one: answers
   * overtake one another, so only a head that is smaller than what was known before its request is a rollback.
   * @throws TlogError when what the store gives is not a checkpoint that the log has signed
   */
  published(): Promise<Mark | undefined> {
    return this.#stored(this.#publishedSource);
  }

  /**
   * Takes a head that was served as the published one. `before` is what `published` gave before the request.
   * @throws TlogError rollback, fork and others as proveConsistent: then nothing is remembered
   */
  takePublished(fresh: VerifiedCheckpoint, before: Mark | undefined, signal?: AbortSignal): Promise<void> {
    if (before !== undefined) compareWithMark(before, fresh);
    return this.#take(this.#publishedSource, fresh, signal);
  }

  /** Takes a head that came with a receipt; a smaller one than before is no rollback. @throws as `takePublished` */
  takeReceipt(fresh: VerifiedCheckpoint, signal?: AbortSignal): Promise<void> {
    return this.#take(this.#receiptSource, fresh, signal);
  }

  /** The largest head of either source so far. @throws as `published` */
  async largest(): Promise<Mark | undefined> {
    return larger(await this.#stored(this.#publishedSource), await this.#stored(this.#receiptSource));
  }

  /**
   * Connects a head that somebody else has seen with the largest known one; nothing is remembered.
   * @throws as `takePublished`, but no rollback for a smaller one, and beyond_log_head for a larger one that the log does not know: the
   * copy of it that answers may lag behind the one that others ask
   */
  async compare(fresh: VerifiedCheckpoint, signal?: AbortSignal): Promise<void> {
    const kept = await this.largest();
    if (kept === undefined) return;
    try {
      await proveConsistent(this.#deps, { kept, fresh, signal });
    } catch (error) {
      const isAhead = error instanceof TlogError && error.code === 'rollback' && fresh.size > kept.size;
      throw isAhead ? error.cause : error;
    }
  }

  #take(source: string, fresh: VerifiedCheckpoint, signal: AbortSignal | undefined): Promise<void> {
    const work = this.#queue.then(() => this.#check(source, fresh, signal));
    this.#queue = work.catch(() => undefined); // whoever called gets the error; the next one starts all the same
    return work;
  }

  async #check(source: string, fresh: VerifiedCheckpoint, signal: AbortSignal | undefined): Promise<void> {
    const published = await this.#stored(this.#publishedSource);
    const received = await this.#stored(this.#receiptSource);
    const kept = larger(published, received);
    if (kept !== undefined) await proveConsistent(this.#deps, { kept, fresh, signal });
    const mark = source === this.#publishedSource ? published : received;
    if (mark !== undefined && fresh.size <= mark.size) return;
    this.#read.set(source, fresh);
    await this.#deps.marks.write(source, fresh.note);
  }

  async #stored(source: string): Promise<Mark | undefined> {
    const note = await this.#deps.marks.read(source);
    if (note === undefined) return undefined;
    const known = this.#read.get(source);
    if (known?.note === note) return known;
    const verified = await this.#deps.trust.signed(note);
    this.#read.set(source, verified);
    return verified;
  }
}

function larger(a: Mark | undefined, b: Mark | undefined): Mark | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.size >= b.size ? a : b;
}
