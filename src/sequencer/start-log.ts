import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { verifyCheckpoint } from '../core/note/checkpoint.ts';
import { createNoteVerifier, type NoteSigner, type NoteVerifier } from '../core/note/verifier.ts';
import type { EventKeeping } from '../events/event-files.ts';
import type { Clock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { writeRefusal } from '../store/disk-error.ts';
import type { Guard, GuardMark } from '../store/guard.ts';
import type { RowPart } from '../store/row-place.ts';
import { OPEN_KEY } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { DamageRecord, damageRefusal } from './damage-record.ts';
import { removeUnnamed, startEvents } from './event-parts.ts';
import type { Finding } from './finding.ts';
import { type FindingFile, type KeptFindings, NO_FINDINGS } from './finding-file.ts';
import { HeadSigner } from './head-signer.ts';
import { LogReader } from './log-reader.ts';
import type { LogManifest } from './manifest.ts';
import { QUEUE_LIMITS, type QueueLimits } from './pending-queue.ts';
import { checkAgainstGuard, isCleanStop, loadTree } from './recovery.ts';
import { asRefusal } from './refusal.ts';
import { type DiskSpace, Reserve } from './reserve.ts';
import { RunningLog } from './running-log.ts';
import { type PublishedTree, Sequencer } from './sequencer.ts';
import { type SignedLog, signedLog } from './signed-log.ts';
import type { TileMemory } from './tile-memory.ts';
import { TileReader } from './tile-reader.ts';
import { checkTree, type TreeCheckDeps } from './tree-check.ts';
import type { TreeState } from './tree-state.ts';

/** What a log is started from: files and LevelDB in a server (open-log.ts), models in a simulation. */
export interface StartDeps {
  readonly manifest: LogManifest;
  readonly signer: NoteSigner;
  readonly clock: Clock;
  readonly hasher: TreeHasher;
  /** Refuses when there is no guard to take over; asked before the database is touched. */
  readGuard(): Promise<GuardMark>;
  openStore(): Promise<Store>;
  takeOverGuard(): Promise<Guard>;
  /** Bytes that the database takes on disk. */
  bytesOnDisk(): Promise<number>;
  /** Where open findings of damage outlive the process; absent: they do not. */
  readonly findings?: FindingFile;
  /** What a log of events keeps beside its database, for a tree of so many leaves; in a log of entries never asked for. */
  openEvents?(size: number): Promise<EventKeeping>;
  /** The volume that the database lies on; absent: nobody counts, and there is no reserve. */
  diskSpace?(): DiskSpace;
}

/** How much a start re-hashes (spec/sequencer.md SEQ-8). */
export interface CheckLimits {
  /** Entries at the end that every start re-hashes. */
  readonly tailEntries: number;
  /** After an unclean stop, up to this many entries are re-hashed before the start goes on; more in the background. */
  readonly beforeStartMax: number;
}

const CHECK_LIMITS: CheckLimits = { tailEntries: 100_000, beforeStartMax: 1_000_000 };

/** What a start may be told. */
export interface StartOptions {
  readonly queue?: QueueLimits;
  readonly check?: CheckLimits;
  /** Room for full tiles in memory, shared with other logs. */
  readonly tiles?: TileMemory;
  /** Bytes of the volume that stay free; 0: none; by default 1 GiB or 5 %, whichever is less. */
  readonly reserveBytes?: number;
  /**
   * Asked before a tree that a crash left without a head is signed, with the log as it was signed last; rejects where it must not
   * be signed.
   */
  beforeSigning?(log: SignedLog): Promise<void>;
  /** Told of each damage that is found; `unkept` when its record could not be written. */
  onFinding?(finding: Finding, unkept: unknown): void;
}

interface Parts extends TreeCheckDeps {
  readonly store: CheckedStore;
  readonly engine: Store;
  readonly hasher: TreeHasher;
  readonly tiles: TileReader;
  readonly signer: HeadSigner;
  readonly verifier: NoteVerifier;
  readonly manifest: LogManifest;
}

/**
 * Starts a log: key, guard, database, start check, take-over, first synced write, and only then a signature.
 * @throws TlogError of kind `refused`, with both sizes in `details` where data and guard disagree
 */
export async function startLog(deps: StartDeps, options: StartOptions = {}): Promise<RunningLog> {
  const { manifest, hasher, clock } = deps;
  if (deps.signer.vkey !== manifest.vkey)
    throw new TlogError(
      'key_mismatch',
      `the key of log ${manifest.name} is not the one of ${manifest.origin}`,
    );
  const found = await deps.readGuard();
  const engine = await deps.openStore();
  let guard: Guard | undefined;
  let keeping: EventKeeping | undefined;
  try {
    const verifier = createNoteVerifier(manifest.vkey, ed25519Verify);
    const store = new CheckedStore(engine);
    const tiles = new TileReader(store, hasher, options.tiles);
    const signer = new HeadSigner(manifest.origin, deps.signer, verifier);
    const parts: Parts = { hasher, store, engine, tiles, signer, verifier, manifest, clock };
    const kept = (await deps.findings?.read()) ?? NO_FINDINGS;
    const state = await loadTree(hasher, store, tiles);
    // What may not be extended must not stop the process that may: asked before the take-over, and again after it.
    await checkAgainstGuard(hasher, tiles, state, found);
    guard = await deps.takeOverGuard();
    checkMaySign(kept, state, guard.mark);
    // After the take-over: seeds that were made ahead are no rival's any more.
    keeping = await openKeeping(deps, state);
    const { tree, backgroundCheck } = await recover(parts, state, guard, options);
    const bytesOnDisk = () => deps.bytesOnDisk();
    const reserve = reserveOf(deps, options);
    const queue = options.queue ?? QUEUE_LIMITS;
    const damage = { kept, file: deps.findings, onFinding: options.onFinding };
    return await run(parts, guard, tree, { queue, backgroundCheck, bytesOnDisk, reserve, damage, keeping });
  } catch (error) {
    await keeping?.seeds.close();
    await guard?.close();
    await engine.close();
    throw asRefusal(error);
  }
}

/** The secrets of a log of events must reach as far as its tree. */
async function openKeeping(deps: StartDeps, { size }: TreeState): Promise<EventKeeping | undefined> {
  if (deps.manifest.kind === 'entries') return undefined;
  if (deps.openEvents === undefined) throw new TypeError('a log of events without a place for its secrets');
  return deps.openEvents(size);
}

/** A crash during a commit left a tree without a head, and signing it has to wait for the repair. */
function checkMaySign({ findings, more }: KeptFindings, state: TreeState, mark: GuardMark): void {
  if (findings.length + more === 0 || state.size === mark.size) return;
  const message = `the log has ${findings.length + more} open findings of damage and a last commit that is not signed: run stele repair`;
  throw new TlogError('data_damaged', message, { details: { dataSize: state.size, guardSize: mark.size } });
}

function reserveOf(deps: StartDeps, options: StartOptions): Reserve | undefined {
  const { diskSpace, clock } = deps;
  return diskSpace && new Reserve(diskSpace, () => clock.monotonicMs(), options.reserveBytes);
}

interface Recovered {
  readonly tree: PublishedTree;
  readonly backgroundCheck: (() => Promise<void>) | undefined;
}

async function recover(
  parts: Parts,
  state: TreeState,
  guard: Guard,
  { check: limits = CHECK_LIMITS, beforeSigning }: StartOptions,
): Promise<Recovered> {
  const { mark } = guard;
  await checkMark(parts, mark);
  await checkAgainstGuard(parts.hasher, parts.tiles, state, mark);
  const clean = isCleanStop(await markOf(parts.store), state.size);
  const unsigned = state.size > mark.size;
  const later = !clean && !unsigned && state.size > limits.beforeStartMax;
  await checkTree(parts, state, clean || later ? Math.max(0, state.size - limits.tailEntries) : 0);
  // Nothing may be written while the files of before are kept: they would lack it.
  await parts.store.accept();
  await firstWrite(parts.store);
  if (unsigned) await beforeSigning?.(signedLog(parts, state, mark));
  const head = unsigned ? await signFound(parts, state, guard) : mark;
  const signedAtMs = unsigned ? parts.clock.nowMs() : state.committedAtMs;
  const backgroundCheck = later ? () => checkTree(parts, state, 0) : undefined;
  return { tree: { head, state, signedAtMs }, backgroundCheck };
}

/** A mark that is damaged is none: everything is checked, and the first write of the process puts another in its place. */
async function markOf(store: CheckedStore): Promise<Uint8Array | undefined> {
  try {
    return await store.get(OPEN_KEY);
  } catch (error) {
    if (error instanceof TlogError && error.code === 'storage_corrupt') return undefined;
    throw error;
  }
}

async function checkMark({ verifier, manifest }: Parts, mark: GuardMark): Promise<void> {
  const { origin } = manifest;
  const checkpoint = await verifyCheckpoint(mark.note, { origin, logVerifiers: [verifier] }).catch(
    (cause: unknown) => {
      const message = `the guard of ${origin} holds a note that this log has not signed: it is another log's guard, or was changed; restore it`;
      throw new TlogError('guard_unreadable', message, { cause });
    },
  );
  if (checkpoint.size === mark.size) return;
  throw new TlogError('guard_unreadable', `the guard of ${origin} holds a note of another size; restore it`);
}

/**
 * Nothing may be signed for a state that no returned sync of this process covers: what an earlier process left
 * in the page cache becomes durable with this write. It also removes the mark of the clean stop.
 */
async function firstWrite(store: Store): Promise<void> {
  const outcome = await store.commit({ puts: [{ key: OPEN_KEY, value: new Uint8Array(0) }], deletes: [] });
  if (outcome === 'committed') return;
  const otherwise = new TlogError(
    'commit_unknown',
    'the first write failed; look at the disk, then start again',
    { cause: store.lastError },
  );
  throw writeRefusal('the database', store.lastError, otherwise);
}

/** A crash between the commit and the guard left a state without a head: it is signed now. */
async function signFound(parts: Parts, state: TreeState, guard: Guard): Promise<GuardMark> {
  const head = await parts.signer.sign(state.size, state.rootHash);
  const outcome = await guard.raise(head);
  if (outcome === 'raised') return head;
  const code = outcome === 'superseded' ? 'guard_superseded' : 'guard_unknown';
  throw new TlogError(code, 'the guard could not be raised at start; is another process running on a copy?');
}

interface RunOptions {
  readonly queue: QueueLimits;
  readonly backgroundCheck: (() => Promise<void>) | undefined;
  readonly bytesOnDisk: () => Promise<number>;
  readonly reserve: Reserve | undefined;
  readonly damage: {
    readonly kept: KeptFindings;
    readonly file: FindingFile | undefined;
    readonly onFinding: StartOptions['onFinding'] | undefined;
  };
  readonly keeping: EventKeeping | undefined;
}

async function run(
  parts: Parts,
  guard: Guard,
  tree: PublishedTree,
  options: RunOptions,
): Promise<RunningLog> {
  const { store, tiles, hasher, manifest } = parts;
  let sequencer: Sequencer | undefined;
  const state = (): PublishedTree['state'] => (sequencer ?? { tree }).tree.state;
  const reader = new LogReader(store, tiles, hasher, state, () => parts.clock.nextTurn());
  const listeners: RunningLog['listeners'] = new Set();
  const { keeping } = options;
  const events = keeping && (await startEvents({ ...parts, reader, keeping }, tree.state));
  const running: Sequencer = new Sequencer(
    {
      ...parts,
      guard,
      duplicates: manifest.duplicates,
      leafHashIndex: manifest.leafHashIndex,
      limits: options.queue,
      placer: events?.placer,
      findLeaf: (leafHash) => reader.findLeaf(leafHash),
      onCommit: (report) => {
        for (const listener of listeners) listener(report);
      },
      onDamage: (found) => {
        damage.report(found, 'append');
        return damage.refusal();
      },
    },
    tree,
  );
  sequencer = running;
  const damage = recordDamage(parts, sequencer, options.damage);
  // While something is damaged, what seems to be left over may be all that there is of an event.
  const met = keeping === undefined || damage.isOpen ? undefined : await removeUnnamed(store, keeping);
  if (met !== undefined) damage.report(met, 'read');
  return new RunningLog({ ...parts, guard, reader, sequencer, listeners, ...options, damage, events });
}

/** From here on damaged rows are withheld and nothing is signed while there is one (spec SCRUB-4, SCRUB-5). */
function recordDamage(
  { store, tiles, manifest, clock }: Parts,
  sequencer: Sequencer,
  { kept, file, onFinding }: RunOptions['damage'],
): DamageRecord {
  const withhold = (row: Uint8Array): void => {
    store.withhold(row);
    // A tile may have been read before it was known to be wrong.
    tiles.forget();
  };
  const withholdSort = (part: RowPart): void => {
    store.withholdSort(part);
    tiles.forget();
  };
  const halt = (): void => sequencer.refuseWaiting(damageRefusal(manifest.name));
  const alert = (finding: Finding, unkept: unknown): void => onFinding?.(finding, unkept);
  return new DamageRecord({ log: manifest.name, clock, file, withhold, withholdSort, halt, alert }, kept);
}
