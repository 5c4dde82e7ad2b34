import { TlogError } from '../../src/core/error.ts';
import { verifyConsistency } from '../../src/core/merkle/consistency.ts';
import { verifyInclusion } from '../../src/core/merkle/inclusion.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { checkEvent } from './event-check.ts';
import { leafHash } from './hasher.ts';
import { Violation } from './oracle.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

/** Reads as a client does and checks every byte: one answered entry, its proof, and the growth since some head. */
export function readLog(world: World, random: Random): void {
  const server = world.pickServer();
  if (server?.log === undefined || world.oracle.acks.length === 0) return;
  const { head } = server.log;
  const ack = random.pick(world.oracle.acks);
  const sizes = [...world.oracle.notes.keys()].filter((size) => size <= head.size && size > 0);
  const older = sizes.length === 0 ? head.size : random.pick(sizes);
  if (ack.index >= head.size) return;
  const { log } = server;
  const read = async (): Promise<void> => {
    await checkRead(world, log, head, ack, older);
    await checkEvent(world, server, log, ack.index);
  };
  read().catch((error: unknown) => {
    if (error instanceof Violation && !server.process.faults.has('hash-flip')) world.check(() => fail(error));
    else if (!(error instanceof Violation)) world.check(() => checkReadError(world, server, error));
  });
}

function fail(error: Error): never {
  throw error;
}

/** What was read with 200 must be right; an error needs a cause. */
export async function checkRead(
  world: World,
  log: RunningLog,
  head: SignedHead,
  ack: { readonly index: number; readonly hash: Buffer },
  older: number,
): Promise<void> {
  const index = leafIndex(ack.index);
  const [entry] = await log.readEntries(index, treeSize(ack.index + 1));
  const included = await log.proveInclusion(index, head.size);
  const grown = await log.proveConsistency(treeSize(older), head.size);
  if (entry === undefined || !ack.hash.equals(leafHash(entry)))
    throw new Violation('S11', `other bytes are read at ${ack.index}`);
  const { tree } = world.oracle;
  try {
    verifyInclusion(nodeHasher, {
      index,
      size: head.size,
      leafHash: ack.hash,
      proof: included.proof,
      root: head.rootHash,
    });
    const roots = { oldRoot: tree.rootAt(older), newRoot: head.rootHash };
    verifyConsistency(nodeHasher, {
      oldSize: treeSize(older),
      newSize: head.size,
      ...roots,
      proof: grown.proof,
    });
  } catch (error) {
    throw new Violation('S2/S11', `a proof of size ${head.size} does not verify: ${String(error)}`);
  }
}

function checkReadError(world: World, server: Server, error: unknown): void {
  if ((server.log?.findings.length ?? 0) > 0) world.operator.onDamaged(server);
  if (!server.process.alive || server.process.faulted || server.disk.suspect !== undefined) return;
  if (server.hadRival || world.violation !== undefined) return;
  if (isOfEarlierProcess(server, error)) return;
  throw new Violation('S11', `a read failed without a cause: ${String(error)}`);
}

/** What a process has found stands until a repair, over restarts too, though only its own memory was wrong. */
function isOfEarlierProcess({ log, findingsAtStart }: Server, error: unknown): boolean {
  const rows = log?.findings.slice(0, findingsAtStart).map(({ row }) => row) ?? [];
  return (
    error instanceof TlogError && error.code === 'storage_corrupt' && rows.includes(`${error.details['row']}`)
  );
}
