import { createHash } from 'node:crypto';
import { parseStrictJson } from '../../src/core/encoding/strict-json.ts';
import { readSubmission, type Submission } from '../../src/core/event/submission.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import type { EventLog, EventRequest } from '../../src/sequencer/log.ts';
import type { Op } from './plan.ts';
import type { ClientPoint } from './points.ts';
import type { Random } from './random.ts';

type AppendOp = Extract<Op, { do: 'append' }>;

const POOL = 5;
const COUNT_MAX = 4;
const BATCH = 130;
const BLOB_BYTES = 66_000;
const DECIMALS = 10;

/** JSON texts of the events of one request. */
export function eventsOf(
  op: AppendOp,
  random: Random,
  id: number,
): { texts: string[]; points: ClientPoint[] } {
  const points: ClientPoint[] = [];
  const count = op.count > BATCH ? BATCH : Math.min(op.count, COUNT_MAX);
  const texts = Array.from({ length: count }, (_, i) => textOf(op, random, `${id}.${i}`, points));
  return { texts, points };
}

/** One event: of an id of its own, of one that others send too, or of none. */
function textOf(op: AppendOp, random: Random, name: string, points: ClientPoint[]): string {
  const actor = { type: 'user', id: `user ${random.below(DECIMALS)}` };
  const event = { time: '2026-01-01T00:00:00Z', action: 'item.read', outcome: 'success', actor };
  if (op.content !== 'unique') {
    points.push(op.content === 'pool' ? 'client-same-id' : 'client-other-event');
    const k = random.below(POOL);
    const tenant = k % 2 === 0 ? {} : { tenant: `t${random.below(2)}` };
    // What is sent under an id is the same each time, or of this request alone.
    const data = op.content === 'pool' ? { k } : { k, name };
    return JSON.stringify({
      id: `pool-${k}`,
      ...event,
      actor: { type: 'user', id: 'pool' },
      ...tenant,
      data,
    });
  }
  const id = random.chance(0.6) ? { id: `own-${name}` } : {};
  return JSON.stringify({ ...id, ...event, data: { name }, ...rawOf(random, name, points) });
}

function rawOf(random: Random, name: string, points: ClientPoint[]): object {
  if (random.chance(0.8)) return {};
  const isBlob = random.chance(0.12);
  points.push(isBlob ? 'client-raw-file' : 'client-raw');
  const content = Buffer.alloc(isBlob ? BLOB_BYTES : 40, `raw ${name} `).toString('base64');
  return { raw: { format: 'sim', media_type: 'text/plain', content } };
}

/** An event that nobody else sends. */
export function probeText(name: string): string {
  const actor = { type: 'user', id: 'probe' };
  return JSON.stringify({
    time: '2026-01-01T00:00:00Z',
    action: 'log.probe',
    outcome: 'success',
    actor,
    data: { name },
  });
}

/** The request as a server makes it each time that the texts come in. */
export function requestOf(
  texts: readonly string[],
  retryKey: Uint8Array | undefined,
  log: EventLog,
): EventRequest {
  const events = texts.map((text) => {
    const submission = submissionOf(text, () => log.freshId());
    return { ...submission, idKey: log.ids.keyOf(submission.event.id, submission.event.tenant) };
  });
  return retryKey === undefined ? { events } : { events, retryKey };
}

export function submissionOf(text: string, freshId: () => string): Submission {
  const value = parseStrictJson(text, 32, (pointer, detail) => new Error(`${pointer} ${detail}`));
  return readSubmission(value, '', {
    sha256: nodeEventHasher.sha256,
    freshId,
    decodeBase64: (base64) => Buffer.from(base64, 'base64'),
    formatBase64: (bytes) => Buffer.from(bytes).toString('base64'),
  });
}

/** What two events must share to be one: all but an id that the server made. */
export function bodyOf(event: Submission['event']): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted({ ...event, id: '' })))
    .digest('base64');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}

/** Name of an id: those of different tenants are different. */
export function idName(id: string, tenant: string | undefined): string {
  return tenant === undefined ? id : `${tenant} ${id}`;
}
