import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import type { TreeSize } from '../core/units.ts';
import { treeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { SignedLog } from '../sequencer/signed-log.ts';
import { type Candidate, type Cosignature, readCosignature } from './candidate.ts';
import { lookAtHeld } from './held-checkpoint.ts';
import { Nudge } from './nudge.ts';
import type { WitnessingAlert } from './witness-alert.ts';
import type { WitnessCalls } from './witness-calls.ts';
import type { AskedWitness } from './witness-policy.ts';

/** Requests for one head: what a witness holds may move while it is asked, but not for ever. */
const ROUNDS_MAX = 3;
/** The longest rest of a witness that fails. */
const REST_MAX_MS = 60_000;
/** No witness keeps the log away from it for longer, whatever its Retry-After. */
const RETRY_AFTER_MAX_MS = 600_000;

/** What a feed is given. */
export interface FeedDeps {
  readonly witness: AskedWitness;
  readonly calls: WitnessCalls;
  readonly log: SignedLog;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** From one request to the next. */
  readonly intervalMs: number;
  /** A cosignature of the newest head is asked for anew after this: it says that the head is still the newest. */
  readonly refreshMs: number;
  /** What the witness is to cosign next; it holds `size`, as far as it is known. */
  candidateFor(size: TreeSize): Candidate;
  /** Resolves once the cosignature has had its effect. */
  onCosigned(candidate: Candidate, cosignature: Cosignature): Promise<void>;
  /** Told of the first failure after a success. */
  onFailing(error: TlogError): void;
  /** The newest head that it is known to have cosigned, before this process. */
  readonly cosignedBefore: SignedHead | undefined;
  /** Resolves once the alert is durable, with the error to end with where it has to end the log. */
  alert(alert: WitnessingAlert): Promise<TlogError | undefined>;
}

/** How a witness stands with a log. */
export interface FeedStatus {
  readonly name: string;
  /** Size and POSIX second of its last cosignature; absent: none since the start. */
  readonly cosigned?: { readonly size: TreeSize; readonly timeSec: number };
  /** Why the last request that failed did; `failures` in a row until now. */
  readonly lastError?: { readonly code: string; readonly atMs: number };
  readonly failures: number;
  /** How many requests came to what since the start: `cosigned`, or a code. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** Asks one witness for one log: one request at a time, the newest head only. It owns all that is known of the witness. */
export class WitnessFeed {
  readonly #deps: FeedDeps;
  readonly #closing = new AbortController();
  readonly #nudge: Nudge;
  /** What the witness holds, as far as it said. */
  #size: TreeSize;
  #cosigned: { readonly size: TreeSize; readonly timeSec: number; readonly atMs: number } | undefined;
  #lastError: FeedStatus['lastError'];
  #failures = 0;
  /** For so long the witness does not want to be asked, as its last answer said. */
  #retryAfterMs = 0;
  readonly #outcomes = new Map<string, number>();
  /** Whether what it holds was compared with the log. */
  #compared = false;
  /** Kinds of doubt that people were told of since the witness last cosigned. */
  readonly #told = new Set<WitnessingAlert['kind']>();
  /** The newest head that it is known to have cosigned. */
  #held: SignedHead | undefined;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    this.#held = deps.cosignedBefore;
    // A witness that has forgotten everything would take any tree from 0, and say nothing.
    this.#size = this.#held?.size ?? treeSize(0);
    this.#nudge = new Nudge(deps.clock);
  }

  get status(): FeedStatus {
    const { name } = this.#deps.witness;
    const cosigned = this.#cosigned && { size: this.#cosigned.size, timeSec: this.#cosigned.timeSec };
    return {
      ...{ name, failures: this.#failures, outcomes: this.#outcomes },
      ...(cosigned === undefined ? {} : { cosigned }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  /** There is a new head. */
  nudge(): void {
    this.#nudge.wake();
  }

  /** Asks, as often as there is something to ask for, until `close`. @throws TlogError fork, witness_ahead: it ends then */
  async run(first: Promise<void>): Promise<void> {
    await first;
    while (!this.#closing.signal.aborted) {
      await this.#deps.clock.sleep(this.#restMs(), this.#closing.signal);
      await this.#untilDue();
      if (!this.#closing.signal.aborted) await this.step();
    }
  }

  close(): void {
    this.#closing.abort();
    this.#nudge.wake();
  }

  /** One request with its rounds; what the world does wrong is remembered. @throws TlogError fork, witness_ahead */
  async step(): Promise<void> {
    try {
      if (!this.#compared) await this.#compare();
      await this.#cosign();
      this.#failures = 0;
      this.#retryAfterMs = 0;
      this.#count('cosigned');
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!(error instanceof TlogError) || isEnding(error)) throw error;
      this.#failures += 1;
      this.#retryAfterMs = Math.min(RETRY_AFTER_MAX_MS, Number(error.details['retryAfterSec'] ?? 0) * 1_000);
      this.#lastError = { code: error.code, atMs: this.#deps.clock.nowMs() };
      this.#count(error.code);
      if (this.#failures === 1) this.#deps.onFailing(error);
    }
  }

  #count(outcome: string): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  /**
   * A random part of a doubling time on top, so that logs do not come back to a witness all at once; what the witness asks for,
   * if that is longer.
   */
  #restMs(): number {
    const { intervalMs, random } = this.#deps;
    if (this.#failures === 0) return intervalMs;
    const restMs = intervalMs + random() * Math.min(REST_MAX_MS, intervalMs * 2 ** this.#failures);
    return Math.max(restMs, this.#retryAfterMs);
  }

  async #untilDue(): Promise<void> {
    for (let waitMs = this.#dueMs(); waitMs > 0; waitMs = this.#dueMs()) {
      if (this.#closing.signal.aborted) return;
      await this.#nudge.sleep(waitMs);
    }
  }

  /** Milliseconds until there is something to ask for, unless the log grows. */
  #dueMs(): number {
    const { candidateFor, clock, refreshMs } = this.#deps;
    const last = this.#cosigned;
    if (last === undefined || candidateFor(this.#size).head.size > last.size) return 0;
    return last.atMs + refreshMs - clock.monotonicMs();
  }

  async #cosign(): Promise<void> {
    const { witness, clock, onCosigned } = this.#deps;
    const { candidate, lines } = await this.#rounds();
    const cosignature = await readCosignature(candidate.head, lines, witness.verifier);
    const { timeSec } = cosignature;
    if (timeSec < (this.#cosigned?.timeSec ?? 0))
      throw new TlogError('malformed_answer', `${witness.name} cosigned at an earlier time than before`);
    const { size } = candidate.head;
    this.#size = size;
    this.#cosigned = { size, timeSec, atMs: clock.monotonicMs() };
    this.#held = candidate.head;
    this.#told.clear();
    await onCosigned(candidate, cosignature);
  }

  /** The answer to a proof from what the witness holds. */
  async #rounds(): Promise<{ readonly candidate: Candidate; readonly lines: string }> {
    const { log, witness, candidateFor } = this.#deps;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const candidate = candidateFor(this.#size);
      const { size, note } = candidate.head;
      const oldSize = this.#size > size ? size : this.#size;
      const { proof } = await log.proveConsistency(oldSize, size);
      const answer = await this.#addCheckpoint({ oldSize, proof, note });
      if (answer.kind === 'cosigned') return { candidate, lines: answer.lines };
      if (answer.size > log.head.size) await this.#above(answer.size);
      if (answer.size < (this.#held?.size ?? 0)) await this.#forgot(answer.size);
      // Above the candidate it may be: others may have brought the witness a later head.
      this.#size = answer.size;
    }
    throw new TlogError('malformed_answer', `${witness.name} does not go on from the size it says it holds`);
  }

  async #addCheckpoint(
    request: Parameters<WitnessCalls['addCheckpoint']>[0],
  ): ReturnType<WitnessCalls['addCheckpoint']> {
    const { calls } = this.#deps;
    try {
      return await calls.addCheckpoint(request, this.#closing.signal);
    } catch (error) {
      // It holds a tree that ours does not extend, or it lies: what it holds tells.
      if (error instanceof TlogError && error.kind === 'unprocessable') await this.#compare();
      throw error;
    }
  }

  /** A size alone proves nothing: an alarm, and a reason to look at what the witness holds. */
  async #above(witnessSize: TreeSize): Promise<never> {
    await this.#compare();
    const { log, witness } = this.#deps;
    const message = `${witness.name} says that it holds size ${witnessSize}, above ${log.head.size} of this log, and does not show it`;
    await this.#doubt('witness_size_above', log.head, witnessSize, message);
    throw new TlogError('witness_size_above', message);
  }

  /** It would cosign another tree of the sizes that it has cosigned already: an alarm, and it is asked on. */
  async #forgot(witnessSize: TreeSize): Promise<void> {
    const { witness } = this.#deps;
    const held = this.#held;
    if (held === undefined) return;
    const message = `${witness.name} says that it holds size ${witnessSize}, and has cosigned ${held.size}: it has forgotten what it cosigned`;
    await this.#doubt('witness_forgot', held, witnessSize, message);
    this.#held = undefined;
  }

  /** Tells once of what a witness says, until it cosigns again. */
  async #doubt(
    kind: WitnessingAlert['kind'],
    { size, rootHash, note }: SignedHead,
    witnessSize: TreeSize,
    message: string,
  ): Promise<void> {
    const { log, witness, alert } = this.#deps;
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    const facts = { treeSize: size, witnessSize, expectedHash: formatBase64(rootHash), notes: [note] };
    await alert({ kind, log: log.name, origin: log.origin, witness: witness.vkey, message, ...facts });
  }

  /** Looks at what the witness holds. @throws TlogError fork, witness_ahead, unreachable */
  async #compare(): Promise<void> {
    const { alert } = this.#deps;
    const found = await lookAtHeld(this.#deps, this.#closing.signal);
    this.#compared = true;
    const ending = found === undefined ? undefined : await alert(found);
    if (ending !== undefined) throw ending;
  }
}

function isEnding({ code }: TlogError): boolean {
  return code === 'fork' || code === 'witness_ahead';
}
