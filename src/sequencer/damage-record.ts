import { TlogError } from '../core/error.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RowPart } from '../store/row-place.ts';
import { type Damage, type Finding, type FoundBy, findingOf } from './finding.ts';
import type { FindingFile, KeptFindings } from './finding-file.ts';

/** Findings that are kept one by one; of more, the number and the sorts of their rows. */
export const FINDINGS_MAX = 1_000;

/** What is to happen when something is found. */
export interface DamageDeps {
  readonly log: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Absent where nothing outlives the process, as in a simulation. */
  readonly file: FindingFile | undefined;
  /** No read gets the row any more. */
  withhold(row: Uint8Array): void;
  /** No read gets a row of this sort any more. */
  withholdSort(part: RowPart): void;
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
  readonly #withheldSorts: Set<Finding['part']>;
  #findings: readonly Finding[] = [];
  #more = 0;
  /** Not in the file yet, and told to nobody. */
  #untold: Finding[] = [];
  #writing: Promise<void> | undefined;
  #isKept = true;

  /** `kept` are findings of an earlier process: in force from now on, and told to nobody again. */
  constructor(deps: DamageDeps, kept: KeptFindings) {
    this.#deps = deps;
    this.#findings = kept.findings;
    this.#more = kept.more;
    this.#withheldSorts = new Set(kept.withheldSorts);
    for (const part of kept.withheldSorts) deps.withholdSort(part);
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

  /** False when the file lacks something: the next process would not know of it. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** How many findings the list has no room for, at least: of a sort that is withheld no more are counted. */
  get more(): number {
    return this.#more;
  }

  /** Sorts of which no row is served, as more are damaged than the list has room for. */
  get withheldSorts(): readonly RowPart[] {
    return [...this.#withheldSorts].filter((part) => part !== 'memory');
  }

  /** In force on return; the file follows. What is known already changes nothing. */
  report(damage: Damage, by: FoundBy): void {
    const { log, clock, halt, withhold } = this.#deps;
    const finding = findingOf(damage, { log, by, atMs: clock.nowMs() });
    if (this.#known.has(nameOf(finding)) || this.#withheldSorts.has(finding.part)) return;
    if (this.#findings.length >= FINDINGS_MAX) {
      this.#addBeyond(finding);
      return;
    }
    this.#known.add(nameOf(finding));
    const isFirst = !this.isOpen;
    this.#findings = [...this.#findings, finding];
    if (damage.row !== undefined) withhold(damage.row);
    if (isFirst) halt();
    this.#tell(finding);
  }

  /** What the list has no room for: a ruined disk must not take memory without bound, and no row of it may be served. */
  #addBeyond(finding: Finding): void {
    const { part } = finding;
    this.#more += 1;
    this.#withheldSorts.add(part);
    if (part === 'memory') return;
    this.#deps.withholdSort(part);
    const message = `${finding.message}. There are more than ${FINDINGS_MAX} findings: no row of sort ${part} is served any more`;
    this.#tell({ ...finding, message });
  }

  #tell(finding: Finding): void {
    this.#untold.push(finding);
    this.#writing ??= this.#tellAll();
  }

  /** One write at a time, for all that was found during the last: a step of a scrubber may find hundreds. */
  async #tellAll(): Promise<void> {
    while (this.#untold.length > 0) {
      const told = this.#untold;
      this.#untold = [];
      const unkept = await this.#keep();
      for (const finding of told) this.#deps.alert(finding, unkept);
    }
    this.#writing = undefined;
  }

  /** What kept the file from being written; the next finding tries again, and so does the next scrub. */
  async #keep(): Promise<unknown> {
    try {
      const { withheldSorts } = this;
      await this.#deps.file?.write({ findings: this.#findings, more: this.#more, withheldSorts });
      this.#isKept = true;
      return undefined;
    } catch (error) {
      this.#isKept = false;
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

/** Findings as a file keeps them: the first one by one, of the others number and sorts. */
export function keptFindings(all: readonly Finding[]): KeptFindings {
  const beyond = all.slice(FINDINGS_MAX);
  const sorts = beyond.map(({ part }) => part).filter((part) => part !== 'memory');
  return { findings: all.slice(0, FINDINGS_MAX), more: beyond.length, withheldSorts: [...new Set(sorts)] };
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
