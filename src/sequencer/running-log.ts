import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import { parseCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import type { TileId } from '../core/tile/tile.ts';
import { type LeafIndex, type TreeSize, treeSize } from '../core/units.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Guard } from '../store/guard.ts';
import { keptKey, keptRange, OPEN_KEY } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { LogManifest } from './data-directory.ts';
import type {
  AppendRequest,
  AppendResult,
  CommitReport,
  DuplicateMode,
  Log,
  LogKind,
  LogStatus,
  ReadAccess,
  SignedHead,
} from './log.ts';
import type { LogReader } from './log-reader.ts';
import { encodeCleanStop } from './recovery.ts';
import type { Reserve } from './reserve.ts';
import type { Sequencer } from './sequencer.ts';

type Listener = (report: CommitReport) => void;

/** What a running log is put together from. */
export interface RunningLogParts {
  readonly manifest: LogManifest;
  readonly store: Store;
  readonly guard: Guard;
  readonly reader: LogReader;
  readonly sequencer: Sequencer;
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
  readonly failed: Promise<TlogError>;
  readonly listeners: Set<Listener>;
  readonly #parts: RunningLogParts;
  #checking: boolean;
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
    this.#checking = parts.backgroundCheck !== undefined;
    const lost = new Promise<TlogError>((resolve) => {
      this.#reportLoss = resolve;
    });
    this.failed = Promise.race([parts.sequencer.failed, this.#check(), lost]);
  }

  /** Ends the log when its database is not where it was opened; spec STORE-8. */
  lookAtDisk(): void {
    try {
      if (this.#parts.store.inPlace()) return;
      this.#reportLoss(new TlogError('data_lost', `the database of log ${this.name} was moved or removed`));
    } catch (cause) {
      const message = `the database of log ${this.name} cannot be looked at`;
      this.#reportLoss(new TlogError('data_lost', message, { cause }));
    }
  }

  /** Read-only until every entry has been re-hashed; damage ends the log. */
  #check(): Promise<TlogError> {
    return new Promise((resolve) => {
      this.#parts.backgroundCheck?.().then(
        () => {
          this.#checking = false;
        },
        (cause: unknown) => {
          const found =
            cause instanceof TlogError
              ? cause
              : new TlogError('internal', 'the start check failed', { cause });
          resolve(found);
        },
      );
    });
  }

  get head(): SignedHead {
    return this.#parts.sequencer.tree.head;
  }

  get publishedHead(): SignedHead {
    return this.head;
  }

  status(): LogStatus {
    const { sequencer, clock, reserve } = this.#parts;
    const { queue } = sequencer;
    const queueAgeMs = queue.oldestAtMs === undefined ? 0 : clock.monotonicMs() - queue.oldestAtMs;
    const reason = this.#reasonToWait();
    return {
      acceptsEntries: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      queuedEntries: queue.entries,
      queuedBytes: queue.bytes,
      queueAgeMs,
      headSignedAtMs: sequencer.tree.signedAtMs,
      ...(reserve === undefined ? {} : { freeBytes: reserve.freeBytes, reserveBytes: reserve.bytes }),
    };
  }

  #reasonToWait(): LogStatus['reason'] {
    if (this.#parts.sequencer.closing) return 'log_closing';
    if (this.#checking) return 'log_checking';
    return this.#parts.reserve?.hasRoom(0) === false ? 'storage_full' : undefined;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    const { sequencer, reserve } = this.#parts;
    if (this.#checking) {
      const message = 'the log re-hashes its entries after an unclean stop; reads work, writes will soon';
      return Promise.reject(new TlogError('log_checking', message));
    }
    try {
      const bytes = request.entries.reduce((sum, entry) => sum + entry.length, 0);
      reserve?.admit(bytes, sequencer.queue.bytes);
    } catch (error) {
      return Promise.reject(error as TlogError);
    }
    return sequencer.append(request);
  }

  readTile(tile: TileId): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#parts.reader.readTile(tile);
  }

  readBundle(bundle: {
    readonly index: number;
    readonly width: number;
  }): ReturnType<LogReader['readBundle']> {
    return this.#parts.reader.readBundle(bundle);
  }

  readEntries(start: LeafIndex, end: TreeSize): Promise<readonly Uint8Array[]> {
    return this.#parts.reader.readEntries(start, end);
  }

  findLeaf(leafHash: Hash): ReturnType<LogReader['findLeaf']> {
    if (this.leafHashIndex) return this.#parts.reader.findLeaf(leafHash);
    throw new TlogError('leaf_hash_index_off', `log ${this.name} keeps no leaf-hash index; ask by index`);
  }

  nodesOnPath(index: LeafIndex): ReturnType<LogReader['nodesOnPath']> {
    return this.#parts.reader.nodesOnPath(index);
  }

  proveInclusion(index: LeafIndex, size: TreeSize): ReturnType<LogReader['proveInclusion']> {
    return this.#parts.reader.proveInclusion(index, size);
  }

  proveConsistency(from: TreeSize, to: TreeSize): ReturnType<LogReader['proveConsistency']> {
    return this.#parts.reader.proveConsistency(from, to);
  }

  proveMany(indexes: readonly LeafIndex[], size: TreeSize): ReturnType<LogReader['proveMany']> {
    return this.#parts.reader.proveMany(indexes, size);
  }

  async keptHead(size: TreeSize): Promise<SignedHead | undefined> {
    if (size === this.head.size) return this.head;
    const note = await this.#parts.store.get(keptKey(size));
    return note === undefined ? undefined : keptHeadOf(note);
  }

  async keptHeads(from: TreeSize, limit: number): Promise<readonly SignedHead[]> {
    const { head } = this;
    const heads: SignedHead[] = [];
    for await (const [, note] of this.#parts.store.iterate({ ...keptRange(from, head.size), limit })) {
      heads.push(keptHeadOf(note));
    }
    if (heads.length < limit && head.size >= from) heads.push(head);
    return heads;
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
    const { sequencer, store, guard } = this.#parts;
    await sequencer.close();
    // After a failure nothing more is written: the next start checks everything.
    if (!this.#checking && !sequencer.hasFailed) {
      await store.commit({ puts: [{ key: OPEN_KEY, value: encodeCleanStop(this.head.size) }], deletes: [] });
    }
    await store.close();
    await guard.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A kept head from its stored note. */
export function keptHeadOf(note: Uint8Array): SignedHead {
  const text = Buffer.from(note).toString('utf8');
  const { size, rootHash } = parseCheckpoint(parseNote(text).text);
  return { size: treeSize(size), rootHash, note: text };
}
