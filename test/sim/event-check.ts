import { createHash } from 'node:crypto';
import { TlogError } from '../../src/core/error.ts';
import {
  type Disclosure,
  disclosedEntry,
  discloseEvent,
  verifyDisclosure,
  withholdSlots,
} from '../../src/core/event/disclosure.ts';
import { SLOT_NAMES } from '../../src/core/event/slots.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { type LeafIndex, leafIndex } from '../../src/core/units.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import type { EventLog, StoredEvent } from '../../src/sequencer/log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { bodyOf } from './event-tasks.ts';
import { leafHash } from './hasher.ts';
import { KEY, ORIGIN } from './image.ts';
import { Violation } from './oracle.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

const SLOTS = 2 ** SLOT_NAMES.length;

/** E7: an event is read as it was sent, is found by its id, and what is shown of it makes its leaf; or its seed is lost. */
export async function checkEvent(world: World, server: Server, log: RunningLog, at: number): Promise<void> {
  const { events } = log;
  if (events === undefined) return;
  const index = leafIndex(at);
  const isLost = server.disk.events.seedOf(at) === undefined;
  const stored = await events.read(index).catch((error: unknown) => unavailable(error, isLost));
  const known = world.oracle.events?.events[at];
  if (known !== undefined && (await events.find(known.id, known.tenant)) !== index)
    throw new Violation('E7', `event ${at} is not found by its id`);
  if (stored === undefined) world.hit('client-unavailable');
  else {
    if (isLost) throw new Violation('E7', `event ${at} is read and has no seed`);
    if (known !== undefined && bodyOf(stored.event) !== known.body)
      throw new Violation('E7', `event ${at} is read as another than was sent`);
    checkLeaf(world, stored);
    await checkRaw(events, index, stored);
  }
}

function unavailable(error: unknown, isLost: boolean): undefined {
  if (isLost && error instanceof TlogError && error.code === 'payload_unavailable') return undefined;
  throw error;
}

function checkLeaf(world: World, stored: StoredEvent): void {
  const hash = leafHash(disclosedEntry(nodeEventHasher, shownOf(world, stored)));
  if (world.oracle.tree.leaves[stored.index]?.equals(hash) !== true)
    throw new Violation('E7', `what is shown of event ${stored.index} is not its leaf`);
}

/** With slots withheld that are drawn. */
function shownOf(world: World, { index, event, leaf, seed }: StoredEvent): Disclosure {
  const { commitment: _, ...shown } = leaf;
  const whole = discloseEvent(nodeEventHasher, event, { leafIndex: index, ...shown, seed });
  const drawn = world.choice.below(SLOTS);
  const names = SLOT_NAMES.filter((__, slot) => Math.floor(drawn / 2 ** slot) % 2 === 1);
  return withholdSlots(nodeEventHasher, whole, names);
}

async function checkRaw(events: EventLog, index: LeafIndex, { event }: StoredEvent): Promise<void> {
  if (event.raw === undefined) return;
  const bytes = await events.readRaw(index);
  if (bytes === undefined || createHash('sha256').update(bytes).digest('base64') !== event.raw.sha256)
    throw new Violation('E7', `the verbatim bytes of event ${index} are others`);
}

/** The whole way of a stranger: the disclosure against a receipt of the newest head, with the client's verifier. */
export async function checkDisclosure(world: World, log: RunningLog, at: number): Promise<void> {
  const index = leafIndex(at);
  const stored = await log.events?.read(index).catch((error: unknown) => unavailable(error, true));
  if (stored === undefined) return;
  const { size: treeSize, rootHash, note: checkpoint } = log.head;
  const { leafHash: hash, proof: inclusionProof } = await log.proveInclusion(index, treeSize);
  const receipt = { index, leafHash: hash, treeSize, rootHash, inclusionProof, checkpoint };
  const disclosure = shownOf(world, stored);
  const logVerifiers = [createNoteVerifier(KEY.vkey, ed25519Verify)];
  await verifyDisclosure(nodeEventHasher, { disclosure, receipt }, { origin: ORIGIN, logVerifiers });
}
