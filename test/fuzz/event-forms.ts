import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type Edit, edits } from './edits.ts';
import { EVENT_FAULTS, type EventFault } from './event-faults.ts';
import { withoutContent } from './event-model.ts';

/** An event as its sender writes it, a value of JSON. */
export type Sent = Readonly<Record<string, unknown>>;

/** A request that posts events, before it is written out. */
export interface PostCase {
  readonly form: 'one' | 'list' | 'lines';
  readonly events: readonly Sent[];
  /** What is wrong with one of them. */
  readonly fault: { readonly at: number; readonly is: EventFault } | undefined;
  /** Its Idempotency-Key. */
  readonly key: string | undefined;
  readonly isCbor: boolean;
  /** What is done to the body behind that. */
  readonly list: readonly Edit[];
}

const only = fc.constant;
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
/** Ids that come again and again, each with signs that an address could take for something else. */
export const IDS: readonly string[] = ['a', 'order-1:paid@shop~1', '.a', 'x..y', '~', '-'];
export const TENANTS: readonly (string | undefined)[] = [undefined, 'acme', 'ä b/&?%'];
const RAW_KINDS = ['none', 'none', 'none', 'content', 'content and facts', 'description'] as const;

/**
 * What a part of an event holds. The mark is in each of them under the name of its slot, so that it can be told from a text of which of them
 * it shows.
 */
const PARTS: Readonly<Record<string, (mark: string) => unknown>> = {
  reason: (mark) => ({ code: 'c', message: `reason-${mark}` }),
  targets: (mark) => [
    { type: 't', id: `targets-${mark}` },
    { type: 'é', id: '\u{1f600}', parent: '"\\' },
  ],
  source: (mark) => ({ ip: `source-${mark}`, forwarded: ['1', '2'] }),
  changes: (mark) => [{ path: `/changes-${mark}`, old: null, new: [1, { b: true, a: [] }] }],
  labels: (mark) => ({ [`labels-${mark}`]: '', 9: 'x', 10: 'y' }),
};

const values = [fc.maxSafeInteger(), fc.string({ unit: 'grapheme' }), fc.boolean(), only(null)];
const data = fc.oneof(
  only(Object.fromEntries([['__proto__', { a: {} }]])),
  fc.object({ key: fc.string({ unit: 'grapheme', maxLength: 5 }), values, maxDepth: 2, maxKeys: 4 }),
);
const content = fc.oneof(
  { weight: 60, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  // It lies in a file of its own.
  { weight: 1, arbitrary: only(new Uint8Array(70_000).fill(66)) },
);

function rawOf(kind: (typeof RAW_KINDS)[number], mark: string, bytes: Uint8Array): Sent {
  if (kind === 'none') return {};
  const sha256 = createHash('sha256').update(bytes).digest('base64');
  const facts = kind === 'content' ? {} : { sha256, size: bytes.length };
  const sent = kind === 'description' ? {} : { content: Buffer.from(bytes).toString('base64') };
  return { raw: { format: `raw-${mark}`, media_type: 'text/plain', ...facts, ...sent } };
}

/** Events that have this id, if any. @param mark what is in them of each part */
function eventWith(id: fc.Arbitrary<string | undefined>, mark: fc.Arbitrary<string>): fc.Arbitrary<Sent> {
  const shape = {
    ...{ id, mark, content, data: maybe(data), tenant: fc.constantFrom(...TENANTS) },
    parts: fc.subarray(Object.keys(PARTS)),
    outcome: fc.constantFrom('success', 'denied'),
    kind: maybe(only('api')),
    schema: maybe(only('audit-event/1')),
    raw: fc.constantFrom(...RAW_KINDS),
  };
  return fc.record(shape).map((made) => {
    const given = { id: made.id, tenant: made.tenant, kind: made.kind, schema: made.schema, data: made.data };
    const named = Object.entries(given).filter(([, value]) => value !== undefined);
    const parts = made.parts.map((name) => [name, PARTS[name]?.(made.mark)] as const);
    return {
      ...{ time: '2026-11-18T11:06:40Z', action: `core-${made.mark}.x`, outcome: made.outcome },
      actor: { type: 'user', id: `actor-${made.mark}` },
      ...Object.fromEntries([...named, ...parts]),
      ...rawOf(made.raw, made.mark, made.content),
    };
  });
}

const anyMark = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => n.toString(36));
const ownId = fc
  .tuple(anyMark, fc.stringMatching(/^[A-Za-z0-9._~:@-]{0,20}$/))
  .map((parts) => parts.join(':'));
const event = fc.oneof(
  eventWith(ownId, anyMark),
  eventWith(only(undefined), anyMark),
  eventWith(fc.constantFrom(...IDS), fc.constantFrom('1', '2')),
);
const form: fc.Arbitrary<PostCase['form']> = fc.constantFrom('one', 'list', 'lines');
const key = fc.oneof(
  { weight: 6, arbitrary: only(undefined) },
  { weight: 2, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.constantFrom('k1', 'k2', 'k3') },
);

function caseOf(parts: {
  readonly fault: PostCase['fault'];
  readonly list: readonly Edit[];
  readonly key: string | undefined;
  readonly events: readonly Sent[];
  readonly form: PostCase['form'];
  readonly isCbor: boolean;
}): PostCase {
  const { fault, events } = parts;
  const taken = parts.form === 'one' ? events.slice(0, 1) : events;
  const spoilt = fault === undefined ? undefined : { ...fault, at: fault.at % taken.length };
  return { ...parts, events: taken, fault: spoilt };
}

const sound = {
  ...{
    form,
    events: fc.array(event, { minLength: 1, maxLength: 4 }),
    fault: only(undefined),
    list: only([]),
  },
  ...{ key, isCbor: fc.boolean() },
};
const fault = fc.record({ at: fc.nat(3), is: fc.constantFrom(...EVENT_FAULTS) });

const samples = fc.sample(fc.record(sound).map(caseOf), { numRuns: 30, seed: 7 });
const withoutBytes = (made: PostCase): PostCase => ({ ...made, events: made.events.map(withoutContent) });

/** Requests that come again, with verbatim bytes and without: what they are answered depends on which came first. */
export const REPEATED: readonly PostCase[] = samples.flatMap((made, i) =>
  i % 2 === 0 ? [made, withoutBytes(made)] : [withoutBytes(made), made],
);

/** Good requests, new and repeated; such with one event of which it is known what is wrong; such whose bytes were changed anyhow. */
export const posts: fc.Arbitrary<PostCase> = fc.oneof(
  { weight: 3, arbitrary: fc.record(sound).map(caseOf) },
  { weight: 3, arbitrary: fc.constantFrom(...REPEATED) },
  { weight: 4, arbitrary: fc.record({ ...sound, fault }).map(caseOf) },
  { weight: 4, arbitrary: fc.record({ ...sound, list: edits }).map(caseOf) },
);
