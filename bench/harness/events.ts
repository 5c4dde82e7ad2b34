import { EntrySource } from './entries.ts';

const LF = 10;
/** Stands for letters that differ from event to event. */
const VARIES = '?';

/**
 * A document is shared, as an application says it: every member of the schema is there, in no order. What differs is as long in each
 * event, so that an event is a copy of these bytes with new letters.
 */
const TEMPLATE = {
  id: VARIES.repeat(22),
  time: '2026-11-27T17:06:36.123Z',
  action: 'document.share',
  outcome: 'success',
  schema: 'audit-event/1',
  actor: { type: 'user', id: `u-${VARIES.repeat(10)}` },
  kind: 'data',
  operation: 'grant',
  reason: { code: 'policy-7' },
  targets: [{ type: 'document', id: `d-${VARIES.repeat(10)}` }],
  source: { ip: '203.0.113.42' },
  service: { name: 'docs' },
  tenant: `t-${VARIES.repeat(4)}`,
  trace: { trace_id: VARIES.repeat(22) },
  changes: [{ path: '/readers/0', new: `u-${VARIES.repeat(10)}` }],
  labels: { env: 'prod' },
  data: { bytes: 52_431 },
  raw: {
    format: 'x',
    media_type: 'text/plain',
    sha256: 'pmmF9oHOYNYsAqOXLFKxYy6AmB7c25ZWKPxGCsyvMsA=',
    size: 120,
  },
};

const TEXT: Buffer<ArrayBuffer> = Buffer.from(JSON.stringify(TEMPLATE));
const VARYING = [...TEXT.toString().matchAll(/\?+/g)].map(({ index, 0: { length } }) => ({ index, length }));

/** Bytes of one event as JSON. */
export const EVENT_BYTES: number = TEXT.length;

/** Audit events with ids that never repeat. Making one costs about two microseconds. */
export class EventSource {
  readonly #letters = new EntrySource();

  /** One new event as JSON. */
  event(): Buffer<ArrayBuffer> {
    const event = Buffer.from(TEXT);
    this.#vary(event, 0);
    return event;
  }

  /** New events, a line each. */
  lines(count: number): Buffer<ArrayBuffer> {
    const body = Buffer.allocUnsafe(count * (EVENT_BYTES + 1));
    for (let at = 0; at < body.length; at += EVENT_BYTES + 1) {
      TEXT.copy(body, at);
      this.#vary(body, at);
      body[at + EVENT_BYTES] = LF;
    }
    return body;
  }

  #vary(body: Buffer, start: number): void {
    const letters = this.#letters.entry();
    let used = 0;
    for (const { index, length } of VARYING) {
      letters.copy(body, start + index, used, used + length);
      used += length;
    }
  }
}
