import type { ScrubProgress } from '../../src/scrub/progress-file.ts';
import { type KeptFindings, NO_FINDINGS } from '../../src/sequencer/finding-file.ts';
import { EventDisk } from './event-disk.ts';
import type { Random } from './random.ts';
import { Rows } from './rows.ts';

/** What one write put into the database's log file. */
export interface Batch {
  readonly puts: ReadonlyMap<string, Uint8Array | undefined>;
  /** Size in the state row, when the batch has one. */
  readonly size: number | undefined;
  /** Only half of it was written: recovery drops it. */
  readonly torn: boolean;
}

const STATE = 's';

/** The tree size in a stored state row. */
export function stateSize(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const view = new DataView(value.buffer, value.byteOffset);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

let lineages = 0;

/** A name for a history that starts to go its own way. Never part of a trace. */
export function newLineage(): string {
  lineages += 1;
  return `lineage ${lineages}`;
}

/** A log file. A process goes on writing into the one it has made, whatever becomes of its name. */
export interface LogFile {
  batches: Batch[];
  /** How many of them a sync has covered. */
  synced: number;
}

/** Links to the files of a folder as they were at some time. */
export interface Kept {
  readonly tables: Rows;
  readonly file: LogFile;
  readonly hasCurrent: boolean;
  readonly generation: number;
}

/**
 * A LevelDB folder at rest: sorted tables and the log file of the last run, part of which may not have reached the
 * disk. A killed process leaves what was written, a power cut what was synced and perhaps some more.
 */
export class Disk {
  readonly name: string;
  tables: Rows = new Rows();
  file: LogFile = { batches: [], synced: 0 };
  /** The file CURRENT is there. Without it an engine that may create starts from nothing. */
  hasCurrent = true;
  /** What a log of events has beside its rows. */
  readonly events: EventDisk = new EventDisk();
  /** The lock on the folder is gone though a process holds it: another may open it too. */
  lockLost = false;
  /** The record of damage that lies beside it. */
  findings: KeptFindings = NO_FINDINGS;
  /** How far scrubbing it was. */
  progress: ScrubProgress = {};
  /** A second process opened it while another was at work: that one must notice. */
  openedTwice = false;
  /** The volume has no more room than the reserve. */
  low = false;
  /** Engines of another number write into files that nobody will open again. */
  generation = 0;
  /** The name of its history. What was signed on one history may be forgotten on another: a copy, an old version. */
  lineage: string = newLineage();
  /** Rows that rotted, on it or on a copy: what they should be. */
  readonly flips: { readonly key: string; readonly bad: Uint8Array; readonly good: Uint8Array }[];
  /** Rows that holes have taken, from it or from a copy. */
  readonly gone: Map<string, Uint8Array>;
  /** The same by batch, while it is this folder's. */
  readonly goneBatches: Batch[] = [];
  /** Damaged, restored, copied from or overtaken: a start may be refused. */
  suspect: string | undefined;
  /** The process in whose memory the fault was that made it suspect. */
  suspectBy = '';
  /** Put back beside a process on another folder, which may have signed more than the guard showed then. */
  isOutrun = false;

  constructor(name: string, flips: Disk['flips'] = [], gone: Disk['gone'] = new Map()) {
    this.name = name;
    this.flips = flips;
    this.gone = gone;
  }

  get full(): boolean {
    return this.events.full;
  }
  /** The volume has no room at all. */
  set full(full: boolean) {
    this.events.full = full;
  }

  /** Everything that a process sees which opens it now. */
  view(): Rows {
    const rows = this.tables.clone();
    for (const batch of this.file.batches) if (!batch.torn) applyBatch(rows, batch);
    return rows;
  }

  /** Size of the tree that no power cut can take away. */
  durableSize(): number {
    const { batches, synced } = this.file;
    const found = batches.slice(0, synced).findLast((batch) => batch.size !== undefined);
    return found?.size ?? stateSize(this.tables.get(STATE)) ?? 0;
  }

  /** What an engine does when it opens: what is durable becomes tables, and a new log file begins. */
  fold(): void {
    const { batches, synced } = this.file;
    this.tables = this.tables.clone();
    for (const batch of batches.slice(0, synced)) if (!batch.torn) applyBatch(this.tables, batch);
    this.file = { batches: batches.slice(synced).filter((batch) => !batch.torn), synced: 0 };
  }

  powerCut(random: Random): void {
    const { batches, synced } = this.file;
    const kept = synced + random.below(batches.length - synced + 1);
    this.file = { batches: batches.slice(0, kept), synced: kept };
    this.events.powerCut(random);
  }

  /** A copy of the folder, as a backup tool or an operator makes it. */
  copy(name: string, flips: Disk['flips'] = this.flips, gone: Disk['gone'] = this.gone): Disk {
    const copy = new Disk(name, flips, gone);
    const { batches } = this.file;
    copy.tables = this.tables.clone();
    copy.file = { batches: [...batches], synced: batches.length };
    copy.hasCurrent = this.hasCurrent;
    copy.findings = this.findings;
    copy.progress = this.progress;
    copy.events.become(this.events);
    return copy;
  }

  /** A row changes where it lies: in the log file, or in a table. */
  rot(key: string, bad: Uint8Array, good: Uint8Array): void {
    this.flips.push({ key, bad, good });
    const { batches } = this.file;
    const at = batches.findLastIndex((batch) => batch.puts.has(key));
    const batch = batches[at];
    if (batch === undefined) {
      this.tables = this.tables.clone();
      this.tables.set(key, bad);
    } else batches[at] = { ...batch, puts: new Map([...batch.puts, [key, bad]]) };
  }

  /** Whether any row of it is as it rotted. A process that opened it before sees what was there. */
  hasRot(): boolean {
    const rows = this.view();
    return this.flips.some(({ key, bad }) => Buffer.compare(rows.get(key) ?? new Uint8Array(), bad) === 0);
  }

  /** Rows without the rot. */
  mended(rows: Rows): Rows {
    const clean = rows.clone();
    for (const { key, bad, good } of this.flips)
      if (Buffer.compare(rows.get(key) ?? new Uint8Array(), bad) === 0) clean.set(key, good);
    return clean;
  }

  /** Puts other contents in its place. */
  replace(rows: Rows): void {
    this.tables = rows;
    this.file = { batches: [], synced: 0 };
    this.hasCurrent = true;
    this.generation += 1;
    this.newHistory();
  }

  /** Its files, to go back to. */
  keep(): Kept {
    const { tables, file, hasCurrent, generation } = this;
    return { tables, file, hasCurrent, generation };
  }

  putBack(kept: Kept): void {
    Object.assign(this, kept);
  }

  newHistory(): void {
    this.lineage = newLineage();
  }
}

export function applyBatch(rows: Rows, batch: Batch): void {
  for (const [key, value] of batch.puts) rows.set(key, value);
}
