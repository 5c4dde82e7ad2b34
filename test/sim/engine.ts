import type { LevelEngine, OpenMode } from '../../src/store/level-store.ts';
import { type Batch, type Disk, type Kept, type LogFile, newLineage, stateSize } from './disk.ts';
import { osError, type Process } from './process.ts';
import { keyText, Rows } from './rows.ts';

const SLOW_MS = 400;
const STATE = 's';
const LEAF = 'h';
/** A guard shows the tree signed last or the one before. */
const MARKS = 3;

interface Mark {
  readonly name: string;
  readonly at: number;
}

type Chain = ReturnType<LevelEngine['batch']>;
type Iterator = ReturnType<LevelEngine['iterator']>;

/**
 * LevelDB as it was observed to fail. After a write that failed it goes on to say yes to writes that are lost;
 * after a sync that failed it refuses, and what it refused may be there later; wrong bytes it serves without a word.
 */
export class Engine implements LevelEngine {
  readonly disk: Disk;
  readonly #process: Process;
  readonly #mode: OpenMode;
  #rows = new Rows();
  #file: LogFile = { batches: [], synced: 0 };
  #generation = -1;
  /** A write failed: later ones are answered and lost. */
  #lost = false;
  /** A sync failed: later writes fail. */
  #failed = false;
  /** What the rows were before each write since the first of the marks. */
  #undo: [string, Uint8Array | undefined][] = [];
  #marks: Mark[] = [];
  lineage = '';
  /** The files as they were before it opened them, until they are accepted. */
  #kept: Kept | undefined;

  constructor(process: Process, disk: Disk, mode: OpenMode) {
    this.#process = process;
    this.disk = disk;
    this.#mode = mode;
  }

  async open(): Promise<void> {
    const process = this.#process;
    const extraMs = process.takes('open-slow') ? SLOW_MS : 0;
    const isBroken = process.takes('open-error');
    await process.call('open', [], () => this.#openNow(isBroken), { extraMs });
  }

  #openNow(isBroken: boolean): void {
    const { disk } = this;
    if (isBroken) throw notOpen(osError('LEVEL_IO_ERROR', 'input/output error'));
    if (isHeld(disk) && !disk.lockLost) throw notOpen(osError('LEVEL_LOCKED', 'lock'));
    const kept = this.#mode.createIfMissing ? undefined : disk.keep();
    if (!disk.hasCurrent) {
      if (!this.#mode.createIfMissing) throw notOpen(osError('LEVEL_INVALID_ARGUMENT', 'does not exist'));
      disk.replace(new Rows());
    } else if (this.#mode.errorIfExists) throw notOpen(osError('LEVEL_INVALID_ARGUMENT', 'exists'));
    this.#kept = kept;
    const earlier = holders.get(disk);
    if (earlier !== undefined && isHeld(disk)) {
      earlier.lineage = newLineage();
      disk.openedTwice = true;
    }
    holders.set(disk, this);
    disk.generation += 1;
    this.#generation = disk.generation;
    disk.fold();
    if (disk.file.batches.length > 0) this.#process.machine.faults.hit('start-after-volatile-ghost');
    this.#file = disk.file;
    this.#rows = disk.view();
    this.lineage = disk.lineage;
  }

  get isAlive(): boolean {
    return this.#process.alive;
  }

  /** Whether what it writes can be found again by another process. */
  get isOrphan(): boolean {
    return this.#generation !== this.disk.generation;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    const process = this.#process;
    if (!process.alive) throw osError('LEVEL_DATABASE_NOT_OPEN', 'the process is gone');
    if (process.takes('read-error')) throw osError('LEVEL_IO_ERROR', 'input/output error');
    const value = this.#rows.get(keyText(key))?.slice();
    if (value !== undefined && process.takes('read-flip')) flip(value, process);
    return value;
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#process.call('read', [], () => keys.map((key) => this.getSync(key)));
  }

  batch(): Chain {
    const puts = new Map<string, Uint8Array | undefined>();
    return {
      put: (key, value) => puts.set(keyText(key), value.slice()),
      del: (key) => puts.set(keyText(key), undefined),
      write: ({ sync }) => this.#write({ puts, size: stateSize(puts.get(STATE)), torn: false }, sync),
    };
  }

  /** In order: the bytes go to the log file, they are synced, the process hears of it. */
  #write(batch: Batch, sync: boolean): Promise<void> {
    const process = this.#process;
    const { disk } = this;
    if (this.#failed) return process.call('commit', [], () => this.#refuse('EIO'));
    if (this.#lost) return process.call('commit', [], () => this.#apply(batch));
    if (disk.full || process.takes('commit-error-absent')) {
      this.#lost = true;
      process.faulted = true;
      return process.call('commit', [], () => this.#refuse(disk.full ? 'ENOSPC' : 'EIO'));
    }
    if (process.takes('store-flip')) spoil(batch, disk, process);
    const file = this.#file;
    const append = (): void => {
      file.batches.push(batch);
    };
    const flush = (): void => {
      if (sync) file.synced = file.batches.length;
    };
    return this.#writeWith(batch, append, flush);
  }

  #writeWith(batch: Batch, append: () => void, flush: () => void): Promise<void> {
    const process = this.#process;
    const apply = (): void => this.#apply(batch);
    if (process.takes('commit-error-ghost')) {
      this.#failed = true;
      return process.call('commit', [append], () => this.#refuse('EIO'));
    }
    if (process.takes('commit-error-durable')) {
      this.#failed = true;
      return process.call('commit', [append, flush], () => this.#refuse('EIO'));
    }
    if (process.takes('commit-never-absent')) return process.call('commit', [], apply, { never: true });
    if (process.takes('commit-never-durable'))
      return process.call('commit', [append, flush], apply, { never: true });
    if (process.takes('commit-torn')) return process.call('commit', [() => this.#tear(batch)], apply);
    const extraMs = process.takes('commit-slow') ? SLOW_MS : 0;
    return process.call('commit', [append, flush], apply, { extraMs });
  }

  #tear(batch: Batch): void {
    this.#file.batches.push({ ...batch, torn: true });
    this.#process.onCrash();
  }

  #refuse(code: string): void {
    this.#process.doom(`commit ${code}`);
    throw osError('LEVEL_IO_ERROR', code);
  }

  #apply(batch: Batch): void {
    for (const [key, value] of batch.puts) {
      this.#undo.push([key, this.#rows.get(key)]);
      this.#rows.set(key, value);
    }
  }

  iterator(range: Parameters<LevelEngine['iterator']>[0]): Iterator {
    let keys: string[] | undefined;
    const nextv = (count: number): Promise<[Uint8Array, Uint8Array][]> =>
      this.#process.call('scan', [], () => {
        keys ??= this.#keysOf(range);
        return this.#scanned(keys.splice(0, count));
      });
    return { nextv, close: () => this.#process.call('scan end', [], () => undefined) };
  }

  #scanned(keys: readonly string[]): [Uint8Array, Uint8Array][] {
    const process = this.#process;
    if (process.takes('scan-error')) throw osError('LEVEL_IO_ERROR', 'input/output error');
    return keys.map((key) => {
      const value = (this.#rows.get(key) ?? new Uint8Array()).slice();
      if (value.length > 0 && process.takes('scan-flip')) flip(value, process);
      return [Uint8Array.from(Buffer.from(key, 'latin1')), value];
    });
  }

  #keysOf(range: Parameters<LevelEngine['iterator']>[0]): string[] {
    const first = keyText(range.gte);
    // One row by its key needs no look at all the others.
    if (range.limit === 1 && !range.reverse && this.#rows.get(first) !== undefined) return [first];
    const keys = this.#rows.keys(first, keyText(range.lt));
    if (range.reverse) keys.reverse();
    return range.limit < 0 ? keys : keys.slice(0, range.limit);
  }

  inPlace(): boolean {
    return this.isAlive && !this.isOrphan;
  }

  accept(): Promise<void> {
    return this.#process.call('accept', [], () => {
      this.#kept = undefined;
    });
  }

  close(): Promise<void> {
    return this.#process.call('close', [], () => {
      if (holders.get(this.disk) === this) holders.delete(this.disk);
      if (this.#kept !== undefined && !this.isOrphan) this.disk.putBack(this.#kept);
      this.#kept = undefined;
    });
  }

  /** What the process itself would read; for the oracle. */
  peek(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  /** A stored row changes under the process: here, and for every one that opens the folder later. */
  rot(key: string, bad: Uint8Array): void {
    const good = this.#rows.get(key) ?? bad;
    this.#rows.set(key, bad);
    this.disk.rot(key, bad, good);
  }

  /** Size of the tree in its rows. */
  size(): number | undefined {
    return stateSize(this.peek(STATE));
  }

  /** Keys of rows that begin with a letter, in a fixed order. */
  keysOf(letter: string): string[] {
    return this.#rows.keys(letter, String.fromCharCode(letter.charCodeAt(0) + 1));
  }

  /** The present rows are a tree that is signed now, or was signed before: `rowsOf` finds them again. */
  mark(name: string): void {
    this.#marks.push({ name, at: this.#undo.length });
    if (this.#marks.length <= MARKS) return;
    this.#marks.shift();
    const { at } = this.#marks[0] as Mark;
    this.#undo.splice(0, at);
    this.#marks = this.#marks.map((mark) => ({ ...mark, at: mark.at - at }));
  }

  /** The rows as they were at a mark; undefined when it was not of the last few. */
  rowsOf(name: string): Rows | undefined {
    const mark = this.#marks.find((one) => one.name === name);
    if (mark === undefined) return undefined;
    const rows = this.#rows.clone();
    for (const [key, value] of this.#undo.slice(mark.at).reverse()) rows.set(key, value);
    return rows;
  }
}

/** Who has a folder open. */
const holders = new WeakMap<Disk, Engine>();

function isHeld(disk: Disk): boolean {
  return holders.get(disk)?.isAlive === true;
}

function notOpen(cause: Error): Error {
  return Object.assign(new Error('Database failed to open', { cause }), { code: 'LEVEL_DATABASE_NOT_OPEN' });
}

function flip(bytes: Uint8Array, process: Process): void {
  if (bytes.length === 0) return;
  const at = process.machine.latency.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (2 ** process.machine.latency.below(8));
}

/** One bit of one row changes on its way to the disk, and in the engine's memory too. */
function spoil(batch: Batch, disk: Disk, process: Process): void {
  // Rows of the leaf-hash index are not read back; their rot at rest is a damage of its own.
  const rows = [...batch.puts].filter(([key, value]) => !key.startsWith(LEAF) && (value?.length ?? 0) > 0);
  if (rows.length === 0) return;
  const [key, bad] = process.machine.latency.pick(rows) as [string, Uint8Array];
  const good = bad.slice();
  flip(bad, process);
  disk.flips.push({ key, bad, good });
}
