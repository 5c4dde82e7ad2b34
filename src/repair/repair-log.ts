import { TlogError } from '../core/error.ts';
import { type InspectedEvents, inspectEventFiles } from '../events/event-files.ts';
import { headVerifier } from '../fsck/head-verifier.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { LogPass, newPass, type PassPosition } from '../scrub/pass.ts';
import { finishedPass, progressFile } from '../scrub/progress-file.ts';
import { RowReader } from '../scrub/row-reader.ts';
import { keptFindings } from '../sequencer/damage-record.ts';
import { type DataDirectory, logPaths, readManifest } from '../sequencer/data-directory.ts';
import { type Damage, findingOf } from '../sequencer/finding.ts';
import { closeFindings, findingFile } from '../sequencer/finding-file.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import { encodeCleanStop, loadTree } from '../sequencer/recovery.ts';
import { TileReader } from '../sequencer/tile-reader.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { levelDamage } from '../store/disk-error.ts';
import { readFileGuard } from '../store/file-guard.ts';
import { mendTables } from '../store/level-mend.ts';
import { LevelStore } from '../store/level-store.ts';
import { rowName } from '../store/row-place.ts';
import { decodeState, LETTER, OPEN_KEY, STATE_KEY } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { type RebuildDeps, type Rebuilt, rebuild } from './rebuild.ts';
import { type EventLogFiles, repairEvents } from './repair-events.ts';
import { commitOrFail } from './repair-rows.ts';
import { Counter, joined, type Tally } from './tally.ts';
import type { TreeSource } from './tree-source.ts';

/** A log to be repaired while no server runs on it. */
export interface RepairJob extends Pick<RebuildDeps, 'dropLost' | 'nowMs' | 'onProgress' | 'signal'> {
  readonly dir: DataDirectory;
  readonly name: string;
  /** A mirror, a backup or another copy; without one, only what the log can make again by itself is repaired. */
  readonly source: TreeSource | undefined;
}

/** What a repair has done, and whether all is right now. */
export interface RepairReport extends Rebuilt {
  readonly log: string;
  /** Size of the guard's head, which everything was compared with. */
  readonly treeSize: number;
  /** Where LevelDB could not read what lay there: rows that no check misses, as retry keys, may be gone from there. */
  readonly leftOut: Tally;
  /** What is still wrong when every row was read again, in words. */
  readonly damaged: Tally;
  /** Every row was read again after the repair and is right; the findings are closed then. */
  readonly clean: boolean;
}

/**
 * Makes a stopped log exactly what its guard says was signed: restores damaged rows and entries that are missing, takes
 * away what was never signed, and reads everything again.
 * @throws TlogError data_locked, guard_missing, guard_unreadable, data_damaged when nothing leads to the signed root or the
 * database cannot be read through; then nothing was changed
 */
export async function repairLog(job: RepairJob): Promise<RepairReport> {
  const { dir, name, source } = job;
  const manifest = await readManifest(dir, name);
  const paths = logPaths(dir, name);
  const head: SignedHead = await readFileGuard(paths.guard);
  await headVerifier({ origin: manifest.origin, vkeys: [manifest.vkey] })(head);
  const leftOut = counted(await mendTables(paths.db));
  const engine = await LevelStore.open(paths.db).catch((error: unknown) => {
    throw error instanceof TlogError && error.code === 'data_damaged' ? unreadable(paths.db, error) : error;
  });
  try {
    const log = { root: paths.root, engine, manifest, head, sources: source === undefined ? [] : [source] };
    // Where something was left out, what is read may be an older state, and the seeds of what it lacks are right.
    const own = leftOut.count > 0 ? undefined : await sizeOf(engine);
    const rebuilt = await rebuild({ ...job, hasher: nodeHasher, ...log });
    const mended = manifest.kind === 'events' ? await repairEvents({ ...log, own, signal: job.signal }) : [];
    await engine.compact();
    const { damages, end, dropped } = await checkAndDrop(job, log);
    const clean = damages.length === 0 && rebuilt.lost.count === 0;
    await (clean ? settle(job, engine, head, end) : recordFindings(job, damages));
    return {
      ...{ log: name, treeSize: head.size, clean, leftOut, damaged: inWords(damages), ...rebuilt },
      repaired: joined(rebuilt.repaired, ...mended),
      dropped: joined(rebuilt.dropped, dropped),
    };
  } catch (error) {
    throw asRefusal(error, paths.db);
  } finally {
    await engine.close();
  }
}

/** How many leaves the rows here were of; undefined where that row is damaged: then nothing is given up. */
async function sizeOf(engine: LevelStore): Promise<number | undefined> {
  const row = await new RowReader(engine).read(STATE_KEY);
  try {
    return 'value' in row ? decodeState(row.value).size : undefined;
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** Ids and keys of events that are wrong even now are given up where that is asked for. */
async function checkAndDrop(
  { dropLost }: RepairJob,
  log: EventLogFiles,
): Promise<CheckedAll & { readonly dropped: Tally }> {
  const { engine, root } = log;
  const checked = await checkAll(engine, root, log);
  const { damages } = checked;
  const lost = dropLost ? damages.flatMap(({ row }) => (row !== undefined && isOfId(row) ? [row] : [])) : [];
  const dropped = new Counter();
  for (const row of lost) {
    await commitOrFail(new CheckedStore(engine), { puts: [], deletes: [row] });
    dropped.add(rowName(row));
  }
  return { ...(lost.length === 0 ? checked : await checkAll(engine, root, log)), dropped };
}

function isOfId([letter]: Uint8Array): boolean {
  return letter === LETTER.eventId || letter === LETTER.eventRetry;
}

/** What a reading of everything came to. */
interface CheckedAll {
  readonly damages: readonly Damage[];
  readonly end: PassPosition;
}

/** Everything once more, as a running server would. */
async function checkAll(engine: Store, logFolder: string, log: Signed): Promise<CheckedAll> {
  if (log.manifest.kind === 'entries') return checkRows(engine, log);
  await using events = await inspectEventFiles(logFolder, log.head.size);
  return await checkRows(engine, log, events);
}

interface Signed {
  readonly manifest: LogManifest;
  readonly head: SignedHead;
}

async function checkRows(
  engine: Store,
  { manifest, head }: Signed,
  events?: InspectedEvents,
): Promise<CheckedAll> {
  const store = new CheckedStore(engine);
  const state = await loadTree(nodeHasher, store, new TileReader(store, nodeHasher)).catch(
    (error: unknown) => {
      if (error instanceof TlogError) return error;
      throw error;
    },
  );
  let at = newPass(head.size, 0);
  if (state instanceof TlogError) return { damages: [{ message: state.message }], end: at };
  const { reads = 'public', vkey, ...facts } = manifest;
  const log = {
    ...facts,
    vkeys: [vkey],
    reads,
    stored: engine,
    events,
    tree: () => ({ head, state, signedAtMs: 0 }),
    report: () => undefined,
  };
  const pass = new LogPass(log, nodeHasher);
  const damages: Damage[] = [];
  for (let isLast = false; !isLast; ) {
    const step = await pass.step(at);
    damages.push(...step.damages);
    ({ next: at, isLast } = step);
  }
  return { damages, end: at };
}

function inWords(damages: readonly Damage[]): Tally {
  return counted(damages.map(({ message }) => message));
}

function counted(names: readonly string[]): Tally {
  const counter = new Counter();
  for (const name of names) counter.add(name);
  return counter;
}

/** All was re-hashed: the next start is as after a clean stop, and as after a scrubbing pass that has found nothing. */
async function settle(
  { dir, name, nowMs }: RepairJob,
  engine: LevelStore,
  head: SignedHead,
  end: PassPosition,
): Promise<void> {
  const { root } = logPaths(dir, name);
  const marker = { key: OPEN_KEY, value: encodeCleanStop(head.size) };
  await commitOrFail(new CheckedStore(engine), { puts: [marker], deletes: [] });
  await progressFile(root).write({ lastPass: finishedPass({ ...end, startedAtMs: nowMs }, nowMs) });
  await closeFindings(root, nowMs);
}

/** What is left is recorded, and nothing is signed. */
async function recordFindings({ dir, name, nowMs }: RepairJob, damages: readonly Damage[]): Promise<void> {
  const found = { log: name, by: 'repair', atMs: nowMs } as const;
  const findings = damages.map((damage) => findingOf(damage, found));
  await findingFile(logPaths(dir, name).root).write(keptFindings(findings));
}

/** What LevelDB cannot read at all is beyond a repair of rows. */
function asRefusal(error: unknown, db: string): unknown {
  return levelDamage(error) === undefined ? error : unreadable(db, error);
}

function unreadable(db: string, error: unknown): TlogError {
  const message = `the database at ${db} cannot be read through: restore a backup into a new directory, then repair that one`;
  return new TlogError('data_damaged', message, { cause: error });
}
