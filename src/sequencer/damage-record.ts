import { TlogError } from '../core/error.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Damage, type Finding, type FoundBy, findingOf } from './finding.ts';
import type { FindingFile, KeptFindings } from './finding-file.ts';

/** Findings that are kept one by one; of more, only the number. */
export const FINDINGS_MAX = 1_000;

/** What is to happen when something is found. */
export interface DamageDeps {
  readonly log: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Absent where nothing outlives the process, as in a simulation. */
  readonly file: FindingFile | undefined;
  /** No read gets the row any more. */
  withhold(row: Uint8Array): void;
  /** Nothing is signed any more; called once. */
  halt(): void;
  /** Tells the operator; `unkept` when the file could not be written. */
  alert(finding: Finding, unkept: unknown): void;
}

/**
 * The open findings of one log, and the owner of their file. They only grow: a repair happens while no server runs.
 */
export class DamageRecord {
  readonly #deps: DamageDeps;
  readonly #known = new Set<string>();
  #findings: readonly Finding[] = [];
  #more = 0;
  /** Writes of the file, one after the other. */
  #writing: Promise<void> = Promise.resolve();

  /** `kept` are findings of an earlier process: in force from now on, and told to nobody again. */
  constructor(deps: DamageDeps, kept: KeptFindings) {
    this.#deps = deps;
    this.#findings = kept.findings;
    this.#more = kept.more;
    for (const finding of kept.findings) {
      this.#known.add(nameOf(finding));
      if (finding.row !== undefined) deps.withhold(Buffer.from(finding.row, 'hex'));
    }
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  get isOpen(): boolean {
    return this.#findings.length + this.#more > 0;
  }

  /** All findings, those included that the list has no room for. */
  get count(): number {
    return this.#findings.length + this.#more;
  }

  /** In force on return; the file follows. What is known already changes nothing. */
  report(damage: Damage, by: FoundBy): void {
    const { log, clock, halt, withhold, alert } = this.#deps;
    const finding = findingOf(damage, { log, by, atMs: clock.nowMs() });
    if (this.#known.has(nameOf(finding)) || this.#isFull()) return;
    this.#known.add(nameOf(finding));
    const isFirst = !this.isOpen;
    this.#findings = [...this.#findings, finding];
    if (damage.row !== undefined) withhold(damage.row);
    if (isFirst) halt();
    this.#writing = this.#writing.then(() => this.#keep()).then((unkept) => alert(finding, unkept));
  }

  /** Counts what the list has no room for, once: a scan of a ruined disk must not grow without bound. */
  #isFull(): boolean {
    if (this.#findings.length < FINDINGS_MAX) return false;
    this.#more += 1;
    return true;
  }

  /** What kept the file from being written; the next finding tries again, and so does the next scrub. */
  async #keep(): Promise<unknown> {
    try {
      await this.#deps.file?.write({ findings: this.#findings, more: this.#more });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Resolves once everything reported so far is in the file and told. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** What a refused append is told. */
  refusal(): TlogError {
    return damageRefusal(this.#deps.log);
  }
}

/** An operator has to act: clients need not ask every second. */
const RETRY_AFTER_SEC = 60;

/** What every append to a damaged log is told. */
export function damageRefusal(log: string): TlogError {
  const message = `log ${log} signs nothing: stored bytes are damaged. Nothing was added; GET audit names them`;
  return new TlogError('log_damaged', message, { details: { retryAfterSec: RETRY_AFTER_SEC } });
}

function nameOf({ row, message }: Finding): string {
  return row ?? message;
}
