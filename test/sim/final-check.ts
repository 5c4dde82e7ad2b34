import { leafIndex, treeSize } from '../../src/core/units.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { checkDisclosure, checkEvent } from './event-check.ts';
import { finalScrub } from './final-scrub.ts';
import { isTwin, leafHash } from './hasher.ts';
import { Violation } from './oracle.ts';
import { checkRead } from './reader.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

const PAGE = 1_000;
const PROOFS = 6;
const DISCLOSURES = 2;

/** When all is quiet: a stop and a start in good order, then every entry, every answer and every kept head. */
export async function finalCheck(world: World): Promise<void> {
  const server = await world.operator.restartCleanly();
  const { log } = server;
  if (log === undefined) throw new Violation('L', 'the log does not run at the end');
  const { tree, publishedSize, acks } = world.oracle;
  if (log.head.size !== publishedSize)
    throw new Violation('S6', `it ends with ${log.head.size} of ${publishedSize}`);
  await checkEntries(world, log);
  for (const { index, hash } of acks)
    if (tree.leaves[index]?.equals(hash) !== true)
      throw new Violation('S3', `the answered entry ${index} is gone`);
  const sizes = [...world.oracle.notes.keys()].filter((size) => size > 0);
  for (let i = 0; i < Math.min(PROOFS, acks.length); i += 1) {
    const older = sizes.length === 0 ? log.head.size : world.choice.pick(sizes);
    await checkRead(world, log, log.head, world.choice.pick(acks), older);
  }
  await checkKept(world, log);
  await checkEvents(world, server, log);
  for (const task of world.tasks.all) checkCounts(world, task);
  await finalScrub(world, server, log);
}

async function checkEntries(world: World, log: RunningLog): Promise<void> {
  const { tree } = world.oracle;
  const from = Math.max(world.plan.base - 300, 0);
  for (let start = from; start < tree.size; start += PAGE) {
    const end = Math.min(start + PAGE, tree.size);
    const entries = await log.readEntries(leafIndex(start), treeSize(end));
    entries.forEach((entry, i) => {
      if (tree.leaves[start + i]?.equals(leafHash(entry)) !== true)
        throw new Violation('S11', `other bytes are read at ${start + i}`);
    });
    if (entries.length !== end - start) throw new Violation('S11', 'a page is short');
  }
}

/** Every event that was ever readable, and a few as a stranger sees them. */
async function checkEvents(world: World, server: Server, log: RunningLog): Promise<void> {
  if (log.events === undefined) return;
  for (let at = world.plan.base; at < log.head.size; at += 1) await checkEvent(world, server, log, at);
  for (let i = 0; i < Math.min(DISCLOSURES, log.head.size); i += 1)
    await checkDisclosure(world, log, world.choice.below(log.head.size));
}

/** SEQ-9: a head that is kept was published with these very bytes. */
async function checkKept(world: World, log: RunningLog): Promise<void> {
  const { notes } = world.oracle;
  for (const head of await log.keptHeads(treeSize(world.plan.base + 1), PAGE)) {
    if (notes.get(head.size) !== head.note)
      throw new Violation('S1', `the kept head of size ${head.size} was never published`);
  }
}

/** A retry adds nothing twice, and what was refused is not there. */
function checkCounts(world: World, task: World['tasks']['all'][number]): void {
  if (!task.isUnique || task.texts.length > 0) return;
  const { tree, lostRows } = world.oracle;
  const mayForget = world.plan.duplicates === 'content' && task.leafHashes.some(isTwin);
  const most = world.isSafeToRepeat(task) && !mayForget ? Math.min(1, task.mayBeAdded) : task.mayBeAdded;
  for (const hash of task.leafHashes) {
    if (lostRows.has(`retry ${task.keyDigest}`) || lostRows.has(`leaf ${hash.toString('hex', 0, 16)}`))
      continue;
    const found = tree.count(hash);
    if (found > most)
      throw new Violation('S5', `request ${task.id} lies ${found} times in the log, sent ${most} times`);
    if (found === 0 && task.state === 'acked') throw new Violation('S3', `request ${task.id} is gone`);
  }
}
