import type { TreeHasher } from '../core/merkle/hasher.ts';
import type { Clock } from '../runtime/clock.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { LogPass, newPass, type PassPosition, type Step, skipStep, stepsOf } from './pass.ts';
import { type FinishedPass, finishedPass, type ProgressFile, type ScrubProgress } from './progress-file.ts';
import { scrubSlices } from './slices.ts';

/** Longest rest between two steps: small logs are read again in minutes, at a percent of a processor. */
const REST_MAX_MS = 250;
/** A step is followed by a rest this many times as long: scrubbing never takes more than a fifth of the time. */
const REST_PER_WORK = 4;
/** Passes aim to be done in this part of their time. */
const AIM = 0.9;
/** Progress is kept this often: a crash costs no more of it. */
const KEEP_EVERY_MS = 60_000;
/** A disk that does not answer is asked again after this, and this often before that counts as damage. */
const TROUBLE_REST_MS = 10_000;
const TROUBLES_MAX = 3;

/** What a scrubber is told and given. */
export interface ScrubberDeps {
  readonly log: StoredLog;
  readonly hasher: TreeHasher;
  readonly clock: Clock;
  readonly file: ProgressFile;
  /** From the start of one pass to the start of the next, and the longest that a pass is meant to take. */
  readonly periodMs: number;
  /** Told when the disk does not answer, or progress could not be kept. */
  onTrouble(error: unknown): void;
}

/** How far a pass is. Times in milliseconds since 1970, progress from 0 to 1. */
export interface ScrubStatus {
  readonly periodMs: number;
  readonly pass?: PassPosition & { readonly progress: number };
  readonly lastPass?: FinishedPass;
}

/**
 * Reads one log again from its disk for as long as the process lives, at its own pace. It owns its loop and its
 * progress file; what is wrong goes to the log.
 */
export class Scrubber implements AsyncDisposable {
  readonly #deps: ScrubberDeps;
  readonly #closing = new AbortController();
  readonly #pass: LogPass;
  /** Owned by the loop. */
  #progress: ScrubProgress = {};
  #keptAtMs = 0;
  #troubles = 0;
  readonly #ended: Promise<void>;

  private constructor(deps: ScrubberDeps) {
    this.#deps = deps;
    const slices = scrubSlices(() => deps.clock.nextTurn());
    this.#pass = new LogPass(deps.log, deps.hasher, { slices });
    // Not caught: a bug in here ends the process, as every bug does.
    this.#ended = this.#run();
  }

  /** Begins, or goes on where the last process was. */
  static start(deps: ScrubberDeps): Scrubber {
    return new Scrubber(deps);
  }

  status(): ScrubStatus {
    const { pass, lastPass } = this.#progress;
    const total = pass === undefined ? 1 : stepsOf(this.#deps.log, pass.treeSize);
    return {
      periodMs: this.#deps.periodMs,
      ...(pass === undefined ? {} : { pass: { ...pass, progress: Math.min(1, pass.steps / total) } }),
      ...(lastPass === undefined ? {} : { lastPass }),
    };
  }

  async #run(): Promise<void> {
    const { clock, file, log, periodMs } = this.#deps;
    const { signal } = this.#closing;
    this.#progress = fitting(await file.read(), log.tree().state.size);
    while (!signal.aborted) {
      const { pass, lastPass } = this.#progress;
      if (pass !== undefined) await this.#step(pass);
      else {
        // A clock that jumped back must not stop scrubbing: at most one period is waited.
        const dueMs = (lastPass?.startedAtMs ?? Number.NEGATIVE_INFINITY) + periodMs - clock.nowMs();
        if (dueMs > 0) await clock.sleep(Math.min(dueMs, periodMs), signal);
        if (!signal.aborted)
          this.#progress = { lastPass, pass: newPass(log.tree().state.size, clock.nowMs()) };
      }
    }
    await this.#keep();
  }

  async #step(at: PassPosition): Promise<void> {
    const { clock, log } = this.#deps;
    const startMs = clock.monotonicMs();
    const step = await this.#tryStep(at);
    if (step === undefined) return clock.sleep(TROUBLE_REST_MS, this.#closing.signal);
    for (const damage of step.damages) log.report(damage);
    const nowMs = clock.nowMs();
    const { next } = step;
    if (step.isLast) {
      this.#progress = { lastPass: finishedPass(next, nowMs) };
      return this.#keep();
    }
    this.#progress = { ...this.#progress, pass: next };
    if (Math.abs(nowMs - this.#keptAtMs) >= KEEP_EVERY_MS) await this.#keep();
    const workMs = clock.monotonicMs() - startMs;
    const share = next.steps / stepsOf(log, next.treeSize);
    const aheadMs = next.startedAtMs + AIM * this.#deps.periodMs * share - nowMs;
    const restMs = Math.max(REST_PER_WORK * workMs, Math.min(aheadMs, REST_MAX_MS));
    await clock.sleep(restMs, this.#closing.signal);
  }

  /** Undefined while the disk does not answer. */
  async #tryStep(at: PassPosition): Promise<Step | undefined> {
    try {
      const step = await this.#pass.step(at);
      this.#troubles = 0;
      return step;
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.#deps.onTrouble(error);
      this.#troubles += 1;
      if (this.#troubles < TROUBLES_MAX) return undefined;
      this.#troubles = 0;
      return skipStep(at, {
        message: `${at.phase} cannot be read from ${at.after ?? at.next} on: ${error.message}`,
      });
    }
  }

  /** Nothing but where to go on depends on it, so a full disk is no reason to stop. */
  async #keep(): Promise<void> {
    this.#keptAtMs = this.#deps.clock.nowMs();
    try {
      await this.#deps.file.write(this.#progress);
    } catch (error) {
      this.#deps.onTrouble(error);
    }
  }

  /** Finishes the step in hand and keeps the progress. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A pass over a larger tree than there is would miss what was never there: the data are an older copy. */
function fitting(progress: ScrubProgress, treeSize: number): ScrubProgress {
  const { pass, lastPass } = progress;
  return pass === undefined || pass.treeSize <= treeSize ? progress : { lastPass };
}

/** What LevelDB or the filesystem says; a bug of ours has no code. */
function isDiskError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && !isOwn(error);
}

function isOwn(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}
