import { TlogError } from '../../src/core/error.ts';
import { TILE_WIDTH } from '../../src/core/tile/tile.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { checkCleanMark } from './clean-mark.ts';
import { type Rotten, rotForScrub } from './damage.ts';
import { probeText, requestOf } from './event-tasks.ts';
import { Violation } from './oracle.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

/** How often it is looked whether a pass is over, and how often at most. */
const LOOK_MS = 100;
const LOOKS_MAX = 1_000;
const APPENDS = 3;
const APPEND_ENTRIES = 90;

/**
 * A whole pass over a sound log that grows finds nothing. Then one row is spoiled, and the next whole pass finds that
 * row and no other: nothing is taken or signed any more, and of the entries only those that hang on it are not read. In
 * every second log the finding cannot be kept; the operator is told that, and the process leaves no mark of a clean stop.
 */
export async function finalScrub(world: World, server: Server, log: RunningLog): Promise<void> {
  if (server.scrubber === undefined) return;
  await Promise.all([grow(world, log), passFrom(world, server, server.startedAtMs)]);
  if (log.findings.length > 0) throw new Violation('SCRUB', 'a sound log is called damaged');
  world.operator.leaveDamaged();
  const rotten = rotForScrub(server, world.choice);
  if (rotten === undefined) return;
  world.note(`for the last pass, ${rotten.what}`);
  const isUnkept = Math.floor(world.plan.seed / 2) % 2 === 0;
  if (isUnkept) world.faults.arm('findings-write-error');
  await passFrom(world, server, server.nowMs() + 1);
  const named = log.findings.map(({ row }) => row ?? '');
  if (named.length !== 1 || named[0] !== rotten.row)
    throw new Violation(
      'SCRUB',
      `${rotten.what}: found is ${log.findings.map(({ message }) => message).join()}`,
    );
  await takesNothing(log);
  await readsTheRest(world, log, rotten);
  await server.close();
  if (server.told.length !== 1 || (server.told[0] !== undefined) !== isUnkept)
    throw new Violation(
      'SCRUB',
      `the operator is told of ${server.told.length} findings: ${server.told.join()}`,
    );
  checkCleanMark(server);
}

/** Crosses the end of a bundle in some runs, while it is scrubbed. */
async function grow(world: World, log: RunningLog): Promise<void> {
  const count = Math.min(APPEND_ENTRIES, world.plan.queue.entriesMax);
  for (let i = 0; i < APPENDS; i += 1) {
    await appendAll(
      log,
      Array.from({ length: count }, (_, n) => `last ${world.plan.seed} ${i} ${n}`),
    );
  }
}

function appendAll(log: RunningLog, names: readonly string[]): Promise<unknown> {
  const { events } = log;
  if (events !== undefined) return events.append(requestOf(names.map(probeText), undefined, events));
  return log.append({ entries: names.map((name) => Buffer.from(name)) });
}

/** Waits for a pass that began at a time or later, and is over. Milliseconds by the server's clock. */
async function passFrom(world: World, { scrubber }: Server, fromMs: number): Promise<void> {
  for (let looks = 0; (scrubber?.status().lastPass?.startedAtMs ?? 0) < fromMs; looks += 1) {
    if (looks === LOOKS_MAX) throw new Violation('L', 'a scrubbing pass does not end');
    await new Promise<void>((resolve) => world.scheduler.after(LOOK_MS, resolve));
  }
}

async function takesNothing(log: RunningLog): Promise<void> {
  const { head } = log;
  const refused = await appendAll(log, ['no more']).catch((error: unknown) => error);
  if (!(refused instanceof TlogError) || refused.code !== 'log_damaged' || log.head !== head)
    throw new Violation('S8', `a damaged log answers an append with ${String(refused)}`);
}

/** SCRUB-4: what does not hang on the row is read as before. */
async function readsTheRest(world: World, log: RunningLog, { bundle }: Rotten): Promise<void> {
  const { size } = log.head;
  const first = Math.floor(Math.max(world.plan.base - 300, 0) / TILE_WIDTH);
  for (let at = first; at * TILE_WIDTH < size; at += 1) {
    const end = treeSize(Math.min((at + 1) * TILE_WIDTH, size));
    const read = await log.readEntries(leafIndex(at * TILE_WIDTH), end).catch((error: unknown) => error);
    const isRefused = read instanceof TlogError && read.code === 'storage_corrupt';
    if (isRefused !== (at === bundle))
      throw new Violation('S11', `reading bundle ${at} gives ${String(read)}`);
  }
}
