import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { discloseEvent, withholdSlots } from '../core/event/disclosure.ts';
import { formatDisclosure } from '../core/event/disclosure-file.ts';
import { SLOT_NAMES, type SlotName } from '../core/event/slots.ts';
import type { Receipt } from '../core/proof/receipt.ts';
import { type LeafIndex, parseLeafIndex } from '../core/units.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import type { EventLog, Log, StoredEvent } from '../sequencer/log.ts';
import { beyond, OCTETS } from './answer.ts';
import { eventsOf } from './events.ts';
import { inclusionText } from './proof-text.ts';
import { queryOf } from './query.ts';

const PRIVATE = { 'Cache-Control': 'no-store', Vary: 'Authorization' };
/** What the server has checked for this answer. Whoever does not trust it verifies the disclosure. */
const LIGHTS = {
  signature: 'verified',
  quorum: 'not checked',
  inclusion: 'verified',
  payload: 'verified',
  completeness: 'not checked',
  freshness: 'not provable',
} as const;

/** GET events/{id or index}: the event with its receipt; with `withhold`, the disclosure that shows all but those slots. */
export async function oneEvent(c: Context, log: Log): Promise<Response> {
  const query = queryOf(c, ['tenant', 'withhold']);
  const events = eventsOf(log);
  const stored = await events.read(await indexOf(c, log, events, query.get('tenant')));
  const withhold = query.get('withhold');
  if (withhold !== undefined) return disclosure(log, stored, slotsOf(withhold));
  const { index, event, leaf } = stored;
  const receipt = await inclusionText(log, log.head, index);
  const facts = JSON.stringify({ index, received: leaf.receivedMs, event, lights: LIGHTS }).slice(0, -1);
  return new Response(`${facts},"receipt":${receipt}}`, {
    headers: { ...PRIVATE, 'Content-Type': 'application/json' },
  });
}

/** GET events/{id or index}/raw: the verbatim bytes of the foreign record. */
export async function eventRaw(c: Context, log: Log): Promise<Response> {
  const events = eventsOf(log);
  const index = await indexOf(c, log, events, queryOf(c, ['tenant']).get('tenant'));
  const bytes = await events.readRaw(index);
  if (bytes === undefined)
    throw new TlogError('raw_absent', `no verbatim bytes were sent with event ${index}`);
  const headers = { ...PRIVATE, ...OCTETS, 'Content-Disposition': 'attachment' };
  return new Response(new Uint8Array(bytes), { headers });
}

async function indexOf(
  c: Context,
  log: Log,
  events: EventLog,
  tenant: string | undefined,
): Promise<LeafIndex> {
  const name = c.req.param('event') ?? '';
  const index = /^[0-9]+$/.test(name) ? parseLeafIndex(name) : await events.find(name, tenant);
  if (index === undefined) {
    const whose =
      tenant === undefined ? 'that has no tenant: name its tenant, if it has one' : 'of this tenant';
    throw new TlogError('unknown_event', `there is no event of this id ${whose}`);
  }
  if (index >= log.head.size) throw beyond(log);
  return index;
}

/** Names of slots with a comma between; none withholds nothing. @throws TlogError invalid_parameter */
function slotsOf(text: string): readonly SlotName[] {
  return (text === '' ? [] : text.split(',')).map((name) => {
    const slot = SLOT_NAMES.find((known) => known === name);
    if (slot === undefined)
      throw new TlogError('invalid_parameter', `withhold is a list of ${SLOT_NAMES.join(', ')}`);
    return slot;
  });
}

async function disclosure(log: Log, stored: StoredEvent, names: readonly SlotName[]): Promise<Response> {
  const { index, event, leaf, seed } = stored;
  const { commitment: _, ...shown } = leaf;
  const whole = discloseEvent(nodeEventHasher, event, { leafIndex: index, ...shown, seed });
  const receipt = await receiptOf(log, index);
  const file = formatDisclosure({ disclosure: withholdSlots(nodeEventHasher, whole, names), receipt });
  return new Response(file, { headers: { ...PRIVATE, 'Content-Type': 'application/json' } });
}

async function receiptOf(log: Log, index: LeafIndex): Promise<Receipt> {
  const { size: treeSize, rootHash, note: checkpoint } = log.head;
  const { leafHash, proof: inclusionProof } = await log.proveInclusion(index, treeSize);
  return { index, leafHash, treeSize, rootHash, inclusionProof, checkpoint };
}
