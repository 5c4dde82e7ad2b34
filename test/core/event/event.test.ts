import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/encoding/canonical-json.ts';
import { TlogError } from '../../../src/core/error.ts';
import { checkEvent, EVENT_DATA_BYTES_MAX, eventText, parseEvent } from '../../../src/core/event/event.ts';
import { slotTexts, slotValues } from '../../../src/core/event/slots.ts';
import { eventVectors } from './vectors.ts';

const SMALL = {
  ...{ schema: 'audit-event/1', id: 'a', time: '2026-11-23T21:00:00Z', action: 'user.login' },
  ...{ outcome: 'success', actor: { type: 'user', id: 'u-17' } },
};
const of = (change: object): string => JSON.stringify({ ...SMALL, ...change });

/** Code of what is thrown, and the members it names. */
function refusalOf(json: string): readonly unknown[] {
  try {
    parseEvent(json);
    return ['accepted'];
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const errors = (error.details['errors'] ?? []) as readonly { pointer: string; detail: string }[];
    for (const { detail } of errors) expect(detail).not.toBe('');
    return [error.code, ...errors.map(({ pointer }) => pointer)];
  }
}

describe('EVENT-1 EVENT-2 vectors', () => {
  test.each(eventVectors.accepted)('$name is accepted', ({ event }) => {
    expect(parseEvent(event)).toEqual(JSON.parse(event));
  });

  test.each(eventVectors.refused)('$name is refused', ({ event, pointer }) => {
    expect(refusalOf(event)).toEqual(['invalid_event', pointer]);
  });
});

const cut = (text: Uint8Array): readonly (string | undefined)[] =>
  slotTexts(text).map((part) => part && Buffer.from(part).toString());

describe('EVENT-3 EVENT-4 values of slots', () => {
  test.each(eventVectors.leaves.filter(({ type }) => type === 0))('$name', ({ event, values }) => {
    const ours = slotValues(parseEvent(event)).map((value) => value && canonicalJson(value));
    expect(ours).toEqual(values);
    expect(cut(eventText(parseEvent(event)))).toEqual(values.map((value) => value ?? undefined));
  });

  test.each([
    ['ends of texts and objects', { labels: { a: '"},{', b: '\\', c: '\\"', d: '[' } }],
    ['lists in lists', { data: { '': [[], [{}], '}]'], a: [{ b: ['"'] }] }, changes: [] }],
    ['characters of two units', { reason: { message: '😀\u0007"' }, tenant: '😀,"' }],
  ])('cut out of the text are those that are written: %s', (_, change) => {
    const event = parseEvent(of(change));
    const written = slotValues(event).map((value) => (value === null ? undefined : canonicalJson(value)));
    expect(cut(eventText(event))).toEqual(written);
  });

  test('what is no member of an event is in the core, so that nothing commits to it', () => {
    const [core] = cut(Buffer.from('{"action":"a","extra":{"id":1},"id":"i"}'));
    expect(core).toBe('{"action":"a","extra":{"id":1},"id":"i"}');
  });

  test.each([
    '',
    '5',
    '"a',
    '{',
    '{"a',
    '{"a":"\\"',
    '[1,[2]]',
    '{}',
  ])('cutting what is no event ends: %j', (text) => {
    expect(slotTexts(Buffer.from(text))).toHaveLength(9);
  });
});

const long = (length: number): string => '😀'.repeat(length);
const many = (length: number, value: unknown): unknown[] => new Array(length).fill(value);
const names = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, '']));
const sha256 = `${'A'.repeat(43)}=`;
const raw = { format: 'f', media_type: 'm', sha256, size: 0 };

describe('EVENT-2 members', () => {
  test.each<[string, object]>([
    ['id of one character', { id: '~' }],
    ['id of 200', { id: 'a'.repeat(200) }],
    ['id of digits and more', { id: '17.' }],
    ['id that begins like a route', { id: 'tail-1' }],
    ['time of nine digits of a second', { time: '2024-02-29T23:59:59.123456789Z' }],
    ['action of one word', { action: 'login' }],
    ['action of 200', { action: `a.${'b'.repeat(198)}` }],
    ['reason of nothing', { reason: {} }],
    ['actor name of 1024 characters of two units', { actor: { type: 't', id: 'i', name: long(1_024) } }],
    ['256 groups', { actor: { type: 't', id: 'i', groups: many(256, 'g') } }],
    ['actor within actor', { actor: { type: 't', id: 'i', effective: { type: 't', id: 'i' } } }],
    ['no target', { targets: [] }],
    ['32 targets', { targets: many(32, { type: 't', id: 'i' }) }],
    ['path of all', { changes: [{ path: '' }] }],
    ['path of 1024', { changes: [{ path: `/${'a'.repeat(1_023)}` }] }],
    ['path with escapes and line ends', { changes: [{ path: '/a~0~1\n//', old: [], new: null }] }],
    ['50 labels', { labels: names(50) }],
    ['label of 40 and 500 characters', { labels: { [long(40)]: long(500) } }],
    ['data of 48 KiB', { data: { a: 'x'.repeat(EVENT_DATA_BYTES_MAX - 8) } }],
    ['raw of 5 MiB', { raw: { ...raw, size: 5 * 1024 * 1024 } }],
  ])('%s', (_, change) => {
    expect(refusalOf(of(change))).toEqual(['accepted']);
  });

  test.each<[string, object | string, readonly string[]]>([
    ['a list', '[]', ['']],
    ['null', 'null', ['']],
    ['nothing of it', '{}', ['/schema', '/id', '/time', '/action', '/outcome', '/actor']],
    ['no text', { schema: 1 }, ['/schema']],
    ...['', '.', '..', '0', '17', 'stats', 'tail', 'evidence', 'a b', 'ä', 'a/b', 'a'.repeat(201)].map(
      (id): [string, object, string[]] => [`id ${id.slice(0, 9)}`, { id }, ['/id']],
    ),
    ...[
      ...['2026-11-23', '2026-11-23T21:00:00', '2026-11-23t21:00:00Z', '2026-11-23T21:00:00.Z'],
      ...['2026-11-23T21:00:00.1234567890Z', '2026-02-29T00:00:00Z', '2026-13-01T00:00:00Z'],
      ...['2026-11-23T24:00:00Z', '2026-11-23T21:60:00Z', '2016-12-31T23:59:60Z', '2026-11-23T21:00:00Z\n'],
    ].map((time): [string, object, string[]] => [`time ${JSON.stringify(time)}`, { time }, ['/time']]),
    ...['', 'User.login', '.a', 'a.', 'a..b', 'a b', 'a'.repeat(201)].map(
      (action): [string, object, string[]] => [`action ${action.slice(0, 9)}`, { action }, ['/action']],
    ),
    ['kind', { kind: 'other' }, ['/kind']],
    ['operation', { operation: 'Read' }, ['/operation']],
    ['outcome', { outcome: 'ok' }, ['/outcome']],
    ['reason that is a text', { reason: 'a' }, ['/reason']],
    ['empty code', { reason: { code: '' } }, ['/reason/code']],
    ['actor without id', { actor: { type: 't' } }, ['/actor/id']],
    ['actor with a null', { actor: { type: 't', id: 'i', name: null } }, ['/actor/name']],
    ['long name', { actor: { type: 't', id: 'i', name: long(1_025) } }, ['/actor/name']],
    ['very long name', { actor: { type: 't', id: 'i', name: 'a'.repeat(2_049) } }, ['/actor/name']],
    ['257 groups', { actor: { type: 't', id: 'i', groups: many(257, 'g') } }, ['/actor/groups']],
    ['group 1', { actor: { type: 't', id: 'i', groups: ['g', 1] } }, ['/actor/groups/1']],
    [
      'actor within actor',
      { actor: { type: 't', id: 'i', effective: {} } },
      ['/actor/effective/type', '/actor/effective/id'],
    ],
    ['33 targets', { targets: many(33, { type: 't', id: 'i' }) }, ['/targets']],
    ['targets that are none', { targets: {} }, ['/targets']],
    [
      'paths',
      { changes: [{ path: 'a' }, { path: '/~' }, { path: '/~2' }, { path: `/${'a'.repeat(1_024)}` }] },
      [...['/changes/0/path', '/changes/1/path', '/changes/2/path', '/changes/3/path']],
    ],
    ['51 labels', { labels: names(51) }, ['/labels']],
    ['labels that are a list', { labels: [] }, ['/labels']],
    [
      'names of labels',
      { labels: { '': 'a', [long(41)]: 'b', c: 1 } },
      ['/labels/', `/labels/${long(41)}`, '/labels/c'],
    ],
    ['data of 48 KiB and a byte', { data: { a: 'x'.repeat(EVENT_DATA_BYTES_MAX - 7) } }, ['/data']],
    ['data that is a list', { data: [] }, ['/data']],
    ['raw with content', { raw: { ...raw, content: '' } }, ['/raw/content']],
    ['raw of 5 MiB and a byte', { raw: { ...raw, size: 5 * 1024 * 1024 + 1 } }, ['/raw/size']],
    ['sizes', { raw: { ...raw, size: -1 } }, ['/raw/size']],
    ['a size as text', { raw: { ...raw, size: '1' } }, ['/raw/size']],
    ['spare bits of a hash', { raw: { ...raw, sha256: `${'A'.repeat(42)}B=` } }, ['/raw/sha256']],
  ])('refused: %s', (_, change, pointers) => {
    expect(refusalOf(typeof change === 'string' ? change : of(change))).toEqual([
      'invalid_event',
      ...pointers,
    ]);
  });

  test.each<[string, string]>([
    ['kind', 'authentication authorization account resource api data config system'],
    ['operation', 'create read update delete execute login logout grant revoke other'],
    ['outcome', 'success failure denied unknown'],
  ])('every %s there is', (member, words) => {
    for (const word of words.split(' ')) expect(refusalOf(of({ [member]: word }))).toEqual(['accepted']);
  });

  const FULL: Readonly<Record<string, unknown>> = {
    ...SMALL,
    ...{ kind: 'api', operation: 'read', reason: { code: 'c', message: 'm' }, tenant: 't' },
    actor: {
      ...{ type: 't', id: 'i', name: 'n', groups: ['g'], session: 's' },
      effective: { type: 't', id: 'i' },
    },
    targets: [{ type: 't', id: 'i', name: 'n', parent: 'p' }],
    source: { ip: '192.0.2.1', forwarded: ['192.0.2.2'], user_agent: 'u' },
    service: { name: 'n', version: 'v', component: 'c' },
    trace: { trace_id: 't', span_id: 's', request_id: 'r' },
    changes: [{ path: '/a', old: 1, new: [2] }],
    ...{ labels: { l: '' }, data: { d: 1 }, raw },
  };

  test('all of them, in slots and in none twice', () => {
    const event = parseEvent(JSON.stringify(FULL));
    expect(event).toEqual(FULL);
    const slots = slotValues(event);
    expect(
      slots.map((slot) =>
        Object.keys(slot ?? {})
          .sort()
          .join(' '),
      ),
    ).toEqual([
      'action id kind operation outcome schema service tenant time trace',
      ...['reason', 'actor', 'targets', 'source', 'changes', 'labels', 'data', 'raw'],
    ]);
    expect(Object.assign({}, ...slots)).toEqual(FULL);
  });

  test('a member that there is not, at every place that has members', () => {
    for (const place of [
      '',
      '/reason',
      '/actor',
      '/actor/effective',
      '/targets/0',
      '/source',
      '/service',
      '/trace',
      '/changes/0',
      '/raw',
    ]) {
      const event = structuredClone(FULL);
      const at = place
        .split('/')
        .slice(1)
        .reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], event);
      Object.assign(at as object, { other: 1 });
      expect(refusalOf(JSON.stringify(event))).toEqual(['invalid_event', `${place}/other`]);
    }
  });

  test.each<[string, object]>([
    ['reason', { reason: 1 }],
    ['source', { source: [] }],
    ['source/ip', { source: { ip: '' } }],
    ['source/forwarded', { source: { forwarded: many(33, 'a') } }],
    ['source/forwarded/0', { source: { forwarded: [''] } }],
    ['source/user_agent', { source: { user_agent: 1 } }],
    ['service', { service: 'n' }],
    ['service/name', { service: { name: 'a'.repeat(201) } }],
    ['tenant', { tenant: '' }],
    ['trace', { trace: 't' }],
    ['trace/span_id', { trace: { span_id: 1 } }],
    ['targets/0', { targets: ['t'] }],
    ['targets/0/parent', { targets: [{ type: 't', id: 'i', parent: '' }] }],
    ['changes', { changes: many(257, { path: '' }) }],
    ['changes/0/path', { changes: [{}] }],
    ['data', { data: 1 }],
    ['raw/format', { raw: { ...raw, format: '' } }],
    ['raw/media_type', { raw: { ...raw, media_type: 1 } }],
    ['raw/sha256', { raw: { ...raw, sha256: ` ${sha256}` } }],
    ['raw/sha256', { raw: { ...raw, sha256: `${sha256} ` } }],
  ])('refused at %s', (place, change) => {
    expect(refusalOf(of(change))).toEqual(['invalid_event', `/${place}`]);
  });

  test('the first 20 faults are named', () => {
    expect(refusalOf(of(names(30)))).toHaveLength(21);
  });
});

describe('EVENT-3 size', () => {
  const changes = new Array(40).fill({ path: '', old: 'x'.repeat(500) });
  /** An event of so many bytes of canonical text. */
  const sized = (bytes: number): string => {
    const left = bytes - canonicalJson(JSON.parse(of({ changes, data: { a: '' } }))).length;
    return of({ changes, data: { a: 'é'.repeat(Math.floor(left / 2)) + 'x'.repeat(left % 2) } });
  };

  test('64 KiB of canonical text is the most', () => {
    expect(Buffer.byteLength(canonicalJson(JSON.parse(sized(65_536))))).toBe(65_536);
    expect(refusalOf(sized(65_536))).toEqual(['accepted']);
    expect(refusalOf(sized(65_537))).toEqual(['event_too_large', '']);
    const errors = [{ pointer: '/7', detail: expect.stringContaining('65536') }];
    expect(() => checkEvent(JSON.parse(sized(65_537)), '/7')).toThrow(
      expect.objectContaining({ message: expect.stringContaining('/7'), details: { errors } }),
    );
  });

  test('space counts for nothing until there is too much of it', () => {
    const text = of({});
    expect(refusalOf(text.padEnd(524_288))).toEqual(['accepted']);
    expect(refusalOf(text.padEnd(524_289))).toEqual(['event_too_large', '']);
  });
});
