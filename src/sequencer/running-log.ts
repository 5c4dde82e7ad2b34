import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { NodeAtHand } from '../core/merkle/proof-paths.ts';
import type { BundleId } from '../core/tile/path.ts';
import type { TileId } from '../core/tile/tile.ts';
import type { LeafIndex, TreeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Now } from '../runtime/now.ts';
import type { Guard } from '../store/guard.ts';
import type { RowPart } from '../store/row-place.ts';
import { OPEN_KEY } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { failureOfCheck } from './background-check.ts';
import type { DamageRecord } from './damage-record.ts';
import { lossOf } from './data-loss.ts';
import { type EventParts, eventLog } from './event-parts.ts';
import { damageOf, type Finding } from './finding.ts';
import { readKeptHeads, withHeads } from './kept-heads.ts';
import type {
  AppendRequest,
  AppendResult,
  CommitReport,
  DuplicateMode,
  EventLog,
  Log,
  LogKind,
  LogRequest,
  LogStatus,
  Publisher,
  ReadAccess,
  SignedHead,
} from './log.ts';
import type { LogReader } from './log-reader.ts';
import { statusOf } from './log-status.ts';
import type { LogManifest } from './manifest.ts';
import { encodeCleanStop } from './recovery.ts';
import type { Reserve } from './reserve.ts';
import { costOf, type Sequencer } from './sequencer.ts';
import type { StoredLog } from './stored-log.ts';

type Listener = (report: CommitReport) => void;

/** What a running log is put together from. */
export interface RunningLogParts {
  readonly manifest: LogManifest;
  readonly store: Store;
  /** The same rows, unchecked. */
  readonly engine: Store;
  readonly damage: DamageRecord;
  readonly guard: Guard;
  readonly reader: LogReader;
  readonly sequencer: Sequencer;
  /** Present exactly in a log of events. */
  readonly events: EventParts | undefined;
  readonly clock: Clock;
  readonly listeners: Set<Listener>;
  readonly backgroundCheck: (() => Promise<void>) | undefined;
  readonly bytesOnDisk: () => Promise<number>;
  /** Absent where nobody counts the bytes of a volume. */
  readonly reserve: Reserve | undefined;
}

/** The facade over sequencer and reader that the outer rings use. */
export class RunningLog implements Log, AsyncDisposable {
  readonly name: string;
  readonly kind: LogKind;
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly duplicates: DuplicateMode;
  readonly leafHashIndex: boolean;
  readonly reads: ReadAccess;
  readonly events: EventLog | undefined;
  readonly failed: Promise<TlogError>;
  readonly listeners: Set<Listener>;
  readonly #parts: RunningLogParts;
  #checking: boolean;
  #publisher: Publisher | undefined;
  #stopped: Promise<void> | undefined;
  #reportLoss: (error: TlogError) => void = () => {};

  constructor(parts: RunningLogParts) {
    const { manifest } = parts;
    this.#parts = parts;
    this.name = manifest.name;
    this.kind = manifest.kind;
    this.origin = manifest.origin;
    this.vkeys = [manifest.vkey];
    this.duplicates = manifest.duplicates;
    this.leafHashIndex = manifest.leafHashIndex;
    this.reads = manifest.reads ?? 'public';
    this.listeners = parts.listeners;
    this.events = parts.events && this.#gate(parts.events);
    this.#checking = parts.backgroundCheck !== undefined;
    const lost = new Promise<TlogError>((resolve) => {
      this.#reportLoss = resolve;
    });
    this.failed = Promise.race([parts.sequencer.failed, this.#check(), lost]);
  }

  #gate(events: EventParts): EventLog {
    const append: EventLog['append'] = (request) => this.#submit(request);
    return eventLog(events, this.#parts.clock, { append, watched: (read) => this.#watched(read) });
  }

  /** Ends the log when its database is not where it was opened; spec STORE-8. */
  lookAtDisk(): void {
    const loss = lossOf(this.#parts.store, this.name);
    if (loss !== undefined) this.#reportLoss(loss);
  }

  /** Read-only until every entry has been re-hashed; damage ends the log, unless it is read-only for damage already. */
  #check(): Promise<TlogError> {
    const { backgroundCheck, damage } = this.#parts;
    return failureOfCheck(backgroundCheck, {
      onPassed: () => {
        this.#checking = false;
      },
      // A withheld row would end every process that follows, and take from readers what is sound.
      isKnown: (cause) => damage.isOpen && isDamage(cause),
    });
  }

  get head(): SignedHead {
    return this.#parts.sequencer.tree.head;
  }

  get publishedHead(): SignedHead {
    return this.#publisher?.publishedHead ?? this.head;
  }

  publishBy(publisher: Publisher): void {
    this.#publisher = publisher;
  }

  end(error: TlogError): void {
    this.#parts.sequencer.end(error);
  }

  get findings(): readonly Finding[] {
    return this.#parts.damage.findings;
  }

  get moreFindings(): number {
    return this.#parts.damage.more;
  }

  get withheldSorts(): readonly RowPart[] {
    return this.#parts.damage.withheldSorts;
  }

  /** The rows of this log for who re-reads all of them. */
  stored(): StoredLog {
    const { engine: stored, sequencer, damage, events } = this.#parts;
    const { name, kind, origin, vkeys, duplicates, leafHashIndex, reads } = this;
    return {
      ...{ name, kind, origin, vkeys, duplicates, leafHashIndex, reads, stored },
      events: events?.keeping,
      tree: () => sequencer.tree,
      report: (found) => damage.report(found, 'scrub'),
    };
  }

  /** Wrong bytes met by a read become a finding; whoever asked gets the error as well. */
  #watched<T>(read: () => Now<T>): Now<T> {
    try {
      const found = read();
      return found instanceof Promise ? found.catch((error: unknown) => this.#met(error)) : found;
    } catch (error) {
      return this.#met(error);
    }
  }

  #met(error: unknown): never {
    const damage = damageOf(error);
    if (damage !== undefined) this.#parts.damage.report(damage, 'read');
    throw error;
  }

  status(): LogStatus {
    return statusOf(this.#parts, this.#checking);
  }

  admit(bytes: number): void {
    this.#admit(bytes);
    this.#parts.sequencer.admit(1, bytes);
  }

  append(request: AppendRequest): Promise<AppendResult> {
    if (this.kind === 'entries') return this.#submit(request);
    // Raw bytes must never pass for a record that this server has made.
    return Promise.reject(new TlogError('wrong_log_kind', 'this log takes events only'));
  }

  #submit(request: LogRequest): Promise<AppendResult> {
    try {
      this.#admit(costOf(request).bytes);
    } catch (error) {
      return Promise.reject(error as TlogError);
    }
    return this.#parts.sequencer.append(request);
  }

  #admit(bytes: number): void {
    const { sequencer, reserve, damage } = this.#parts;
    if (damage.isOpen) throw damage.refusal();
    if (this.#checking) {
      const message = 'the log re-hashes its entries after an unclean stop; reads work, writes will soon';
      throw new TlogError('log_checking', message);
    }
    reserve?.admit(bytes, sequencer.queue.bytes);
  }

  readTile(tile: TileId): Now<Uint8Array | undefined> {
    return this.#watched(() => this.#parts.reader.readTile(tile));
  }

  readBundle(bundle: BundleId): Now<Uint8Array | undefined> {
    return this.#watched(() => this.#parts.reader.readBundle(bundle));
  }

  async readEntries(...which: Parameters<LogReader['readEntries']>): Promise<readonly Uint8Array[]> {
    return this.#watched(() => this.#parts.reader.readEntries(...which));
  }

  findLeaf(leafHash: Hash): Now<LeafIndex | undefined> {
    if (this.leafHashIndex) return this.#watched(() => this.#parts.reader.findLeaf(leafHash));
    throw new TlogError('leaf_hash_index_off', `log ${this.name} keeps no leaf-hash index; ask by index`);
  }

  nodesOnPath(index: LeafIndex): Now<NodeAtHand> {
    return this.#watched(() => this.#parts.reader.nodesOnPath(index));
  }

  proveInclusion(index: LeafIndex, size: TreeSize): ReturnType<LogReader['proveInclusion']> {
    return this.#watched(() => this.#parts.reader.proveInclusion(index, size));
  }

  proveConsistency(from: TreeSize, to: TreeSize): ReturnType<LogReader['proveConsistency']> {
    return this.#watched(() => this.#parts.reader.proveConsistency(from, to));
  }

  async proveMany(indexes: readonly LeafIndex[], size: TreeSize): ReturnType<LogReader['proveMany']> {
    return this.#watched(() => this.#parts.reader.proveMany(indexes, size));
  }

  async keptHead(size: TreeSize): Promise<SignedHead | undefined> {
    const known = [this.publishedHead, this.head].find((head) => head.size === size);
    if (known !== undefined) return known;
    const [kept] = await this.#readKeptHeads(size, 1);
    return kept?.size === size ? kept : undefined;
  }

  async keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]> {
    const { head, publishedHead } = this;
    const heads = await this.#readKeptHeads(from, limit);
    return withHeads(heads, [publishedHead, head], { from, limit });
  }

  async #readKeptHeads(from: TreeSize, limit: number): Promise<SignedHead[]> {
    const { store, sequencer } = this.#parts;
    return this.#watched(() => readKeptHeads(store, sequencer.tree, from, limit));
  }

  onCommit(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  bytesOnDisk(): Promise<number> {
    return this.#parts.bytesOnDisk();
  }

  close(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { sequencer, store, guard, damage, events } = this.#parts;
    await sequencer.close();
    await damage.settled();
    // After a failure nothing more is written: the next start checks everything, as it does where a finding is in no file.
    if (!this.#checking && !sequencer.hasFailed && damage.isKept) {
      await store.commit({ puts: [{ key: OPEN_KEY, value: encodeCleanStop(this.head.size) }], deletes: [] });
    }
    await store.close();
    await events?.keeping.seeds.close();
    await guard.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof TlogError && (error.code === 'storage_corrupt' || error.code === 'data_damaged');
}
