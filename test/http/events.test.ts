import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeCbor } from '../../src/core/encoding/cbor.ts';
import { portableEventHasher } from '../../src/core/event/commitment.ts';
import { readDisclosure, verifyDisclosure } from '../../src/core/event/disclosure.ts';
import { parseDisclosure } from '../../src/core/event/disclosure-file.ts';
import { decodeLeaf } from '../../src/core/event/leaf.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { parseReceipt } from '../../src/core/proof/receipt.ts';
import { decodeBundle } from '../../src/core/tile/bundle.ts';
import { createEventFiles, eventPaths } from '../../src/events/event-files.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { newDataDirectory } from '../support/test-log.ts';
import { eventServer, ID, JSON_TYPE, problem, raw, small } from './event-server.ts';
import { newServer, OTHER_TOKEN, QUERY_TOKEN, READ_TOKEN } from './new-server.ts';

describe('EVENT-12 one event', () => {
  test('is answered with its receipt and id, and read by either', async () => {
    const { send, get, log } = await eventServer();
    const answer = await send({ ...small, id: ID });
    expect(answer.status).toBe(201);
    const made = await answer.json();
    expect(made).toMatchObject({ id: ID, index: 0, treeSize: 1 });
    expect(parseReceipt(made).checkpoint).toBe(log.head.note);
    for (const name of [ID, '0']) {
      const read = await get(name);
      expect([read.status, read.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(await read.json()).toMatchObject({
        ...{ index: 0, event: { ...small, id: ID, schema: 'audit-event/1' } },
        ...{
          lights: { payload: 'verified', completeness: 'not checked' },
          receipt: { index: 0, treeSize: 1 },
        },
      });
    }
  });

  test('gets an id where it has none', async () => {
    const { send, get } = await eventServer();
    const [first, second] = [await (await send(small)).json(), await (await send(small)).json()];
    expect(first.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(second.id).not.toBe(first.id);
    expect((await (await get(second.id)).json()).index).toBe(1);
  });

  test('as CBOR', async () => {
    const { send, lines, log } = await eventServer();
    const cbor = { accept: 'application/cbor' };
    const answer = await send({ ...small, id: 'a' }, cbor);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([201, 'application/cbor']);
    const fields = decodeCbor(new Uint8Array(await answer.arrayBuffer()));
    expect(fields).toMatchObject({ id: 'a', index: 0, treeSize: 1, checkpoint: log.head.note });
    const batch = await lines([{ ...small, id: 'a' }, small], cbor);
    const { ids, ...rest } = decodeCbor(new Uint8Array(await batch.arrayBuffer())) as { ids: string[] };
    expect(rest).toMatchObject({ indexes: [0, 1], new: [false, true], treeSize: 2 });
    expect(ids).toEqual(['a', expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/)]);
  });

  test('is counted once, repeats apart, and nothing is held of it', async () => {
    const { send, app, bodies } = await eventServer();
    for (const outcome of ['success', 'success', 'success', 'failure'])
      await send({ ...small, id: 'a', outcome });
    const metrics = await (await app.request('/metrics')).text();
    for (const counted of ['outcome="new"} 1', 'outcome="repeated"} 2'])
      expect(metrics).toContain(`stele_log_appends_total{log="main",${counted}\n`);
    expect(bodies.held).toBe(0);
  });

  test.each<[string, unknown, Record<string, string>, number, string]>([
    ['another type', small, { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['no JSON', '{', {}, 400, 'invalid_event'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'invalid_json'],
    ['bytes that are encoded', small, { 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['a key that is none', small, { 'idempotency-key': 'ä' }, 400, 'invalid_idempotency_key'],
    ['no event', [], {}, 400, 'empty_batch'],
    ['too many', Array(4_097).fill(small), {}, 413, 'batch_too_large'],
    ['too large', { ...small, data: { a: 'x'.repeat(66_000) } }, {}, 400, 'invalid_event'],
    ['too large as JSON', `${JSON.stringify(small)}${' '.repeat(524_288)}`, {}, 413, 'event_too_large'],
    [
      'too large as JSON beside its record',
      `${JSON.stringify({ ...small, raw: raw('z') })}${' '.repeat(524_288)}`,
      {},
      413,
      'event_too_large',
    ],
  ])('is refused with %s', async (_, event, headers, status, code) => {
    const { send, log } = await eventServer();
    expect(await problem(await send(event, headers))).toEqual([status, code]);
    expect(log.head.size).toBe(0);
  });

  test('each of these ids means something else in a URL', async () => {
    const { send } = await eventServer();
    for (const id of ['7', 'stats', 'tail', 'evidence', '.', '..', 'a/b', 'ä']) {
      const answer = await (await send({ ...small, id })).json();
      expect(answer).toMatchObject({ code: 'invalid_event', errors: [{ pointer: '/id' }] });
    }
  });
});

describe('EVENT-12 many events', () => {
  test.each(['list', 'lines'])('%s: all of them, with their ids', async (form) => {
    const { send, lines, get } = await eventServer();
    const events = Array.from({ length: 300 }, (_, i) => ({ ...small, id: `e${i}`, data: { i } }));
    const answer = await (form === 'list' ? send(events) : lines(events));
    expect(answer.status).toBe(201);
    const { ids, indexes, new: isNew, treeSize } = await answer.json();
    expect([ids, treeSize]).toEqual([events.map(({ id }) => id), 300]);
    expect([indexes, isNew.every(Boolean)]).toEqual([events.map((_, i) => i), true]);
    expect((await (await get('e299')).json()).event.data).toEqual({ i: 299 });
    const again = await (form === 'list' ? lines(events) : send(events));
    expect([again.status, (await again.json()).indexes]).toEqual([200, indexes]);
  });

  test.each<[string, readonly unknown[], object]>([
    [
      'a member',
      [small, { ...small, outcome: 'maybe' }],
      { code: 'invalid_event', line: 2, errors: [{ pointer: '/outcome' }] },
    ],
    ['JSON', [small, small, '{"a":1'], { code: 'invalid_event', line: 3 }],
    ['an empty line', [small, ''], { code: 'empty_line', line: 2 }],
  ])('of which one is wrong by %s: none, and its line is named', async (_, events, refusal) => {
    const { lines, log } = await eventServer();
    const answer = await lines(events);
    expect([answer.status, await answer.json()]).toMatchObject([400, refusal]);
    expect(log.head.size).toBe(0);
  });

  test('of a list: the place is in the pointer', async () => {
    const { send } = await eventServer();
    const answer = await (await send([small, { ...small, actor: { type: 'user' } }])).json();
    expect(answer).toMatchObject({ code: 'invalid_event', errors: [{ pointer: '/1/actor/id' }] });
  });
});

describe('EVENT-13 repeats', () => {
  test('the same id and content: the first index, also in one batch and after a restart of its sender', async () => {
    const { send, lines, log } = await eventServer();
    await send({ ...small, id: 'a' });
    const again = await send({ id: 'a', ...small });
    expect([again.status, (await again.json()).index]).toEqual([200, 0]);
    const batch = await (
      await lines([
        { ...small, id: 'b' },
        { ...small, id: 'b' },
        { ...small, id: 'a' },
      ])
    ).json();
    expect([batch.indexes, batch.new, log.head.size]).toEqual([[1, 1, 0], [true, false, false], 2]);
  });

  test.each<[string, object]>([
    ['other content', { ...small, id: 'a', outcome: 'failure' }],
    ['an empty member more', { ...small, id: 'a', labels: {} }],
  ])('the same id with %s: nothing is added', async (_, other) => {
    const { send, lines, log } = await eventServer();
    await send({ ...small, id: 'a' });
    const answer = await send(other);
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { code: 'id_conflict', id: 'a', index: 0, errors: [{ pointer: '/id' }] },
    ]);
    const batch = await lines([{ ...small, id: 'c' }, other]);
    expect([batch.status, await batch.json()]).toMatchObject([
      409,
      { code: 'id_conflict', line: 2, errors: [{ pointer: '/id' }] },
    ]);
    const list = await (await send([{ ...small, id: 'c' }, other])).json();
    expect(list).toMatchObject({ code: 'id_conflict', errors: [{ pointer: '/1/id' }] });
    expect(list).not.toHaveProperty('position');
    expect(log.head.size).toBe(1);
  });

  test('with its schema and without it is the same event, by id and by Idempotency-Key', async () => {
    const { send, lines, log } = await eventServer();
    const named = { ...small, schema: 'audit-event/1' };
    for (const [first, second, id] of [
      [small, named, 'a'],
      [named, small, 'b'],
    ] as const) {
      await send({ ...first, id });
      expect((await send({ ...second, id })).status).toBe(200);
      const key = { 'idempotency-key': id };
      const made = await (await send(first, key)).json();
      const again = await send(second, key);
      expect([again.status, (await again.json()).id]).toEqual([200, made.id]);
      expect(
        (
          await (
            await lines([
              { ...first, id: `${id}1` },
              { ...second, id: `${id}1` },
            ])
          ).json()
        ).new,
      ).toEqual([true, false]);
    }
    expect(log.head.size).toBe(6);
  });

  test('the same id of another tenant is another event', async () => {
    const { send, get } = await eventServer();
    for (const tenant of [undefined, 'acme', 'b'])
      await send({ ...small, id: 'a', ...(tenant && { tenant }) });
    expect((await (await get('a')).json()).index).toBe(0);
    expect((await (await get('a?tenant=acme')).json()).index).toBe(1);
    expect((await (await get('a?tenant=b')).json()).index).toBe(2);
    expect(await problem(await get('a?tenant=c'))).toEqual([404, 'unknown_event']);
  });

  test('at once: one is new, all get its index', async () => {
    const { send, log } = await eventServer();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({ ...small, id: 'a' })));
    const made = await Promise.all(
      answers.map(async (answer) => [answer.status, (await answer.json()).index]),
    );
    expect(made.filter(([status]) => status === 201)).toHaveLength(1);
    expect([new Set(made.map(([, index]) => index)), log.head.size]).toEqual([new Set([0]), 1]);
  });

  test('at once under one Idempotency-Key: one is new, all get its index; the key of another token is another', async () => {
    const { send, log } = await eventServer();
    const key = { 'idempotency-key': 'k' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(small, key)));
    const made = await Promise.all(answers.map(async (answer) => (await answer.json()).index));
    expect([new Set(made), log.head.size]).toEqual([new Set([0]), 1]);
    const other = await send(small, { ...key, authorization: `Bearer ${OTHER_TOKEN}` });
    expect([other.status, (await other.json()).index]).toEqual([201, 1]);
  });

  test('without ids by Idempotency-Key, also mixed with ids that were there', async () => {
    const { send, lines, log } = await eventServer();
    const key = { 'idempotency-key': 'k' };
    const first = await (await send(small, key)).json();
    const again = await send(small, key);
    expect([again.status, (await again.json()).id]).toEqual([200, first.id]);
    expect(await problem(await send({ ...small, outcome: 'failure' }, key))).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect(await problem(await lines([small, small], key))).toEqual([422, 'idempotency_key_reused']);
    await send({ ...small, id: 'x' });
    const others = Array.from({ length: 130 }, (_, i) => ({ ...small, data: { i } }));
    const mixed = [small, { ...small, id: 'x' }, ...others];
    const batch = await (await lines(mixed, { 'idempotency-key': 'm' })).json();
    expect(batch.indexes).toEqual([2, 1, ...others.map((_, i) => 3 + i)]);
    const repeated = await (await lines(mixed, { 'idempotency-key': 'm' })).json();
    expect([repeated.ids, repeated.indexes]).toEqual([batch.ids, batch.indexes]);
    // A key is kept also where every event of its request was known.
    const known = { 'idempotency-key': 'n' };
    expect((await send({ ...small, id: 'x' }, known)).status).toBe(200);
    expect(await problem(await send({ ...small, action: 'c' }, known))).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect(log.head.size).toBe(133);
  });
});

describe('EVENT-14 verbatim bytes', () => {
  test.each([
    ['in a row', 'Nov 18 11:06:40 sshd[1]: \u0000\r\n'],
    ['in a file', 'x'.repeat(70_000)],
  ])('lie %s, and come back as they were', async (_, content) => {
    const { send, get } = await eventServer();
    expect((await send({ ...small, id: 'a', raw: raw(content) })).status).toBe(201);
    const read = await get('a/raw');
    expect(await read.text()).toBe(content);
    expect(
      ['content-type', 'x-content-type-options', 'content-disposition', 'cache-control'].map((name) =>
        read.headers.get(name),
      ),
    ).toEqual(['application/octet-stream', 'nosniff', 'attachment', 'no-store']);
    const { event } = await (await get('a')).json();
    const sha256 = createHash('sha256').update(content).digest('base64');
    expect(event.raw).toEqual({ format: 'sshd', media_type: 'text/plain', sha256, size: content.length });
    expect((await send({ ...small, id: 'a', raw: raw(content) })).status).toBe(200);
  });

  test('of 5 MiB are taken, of a byte more are not', async () => {
    const { send, get } = await eventServer();
    const largest = 'y'.repeat(5 * 1024 * 1024);
    expect((await send({ ...small, id: 'a', raw: raw(largest) })).status).toBe(201);
    expect((await (await get('a/raw')).arrayBuffer()).byteLength).toBe(largest.length);
    expect(await problem(await send({ ...small, raw: raw(`${largest}y`) }))).toEqual([413, 'raw_too_large']);
  });

  test('that are described and not sent: the answer says so, and there is nothing to read', async () => {
    const { send, lines, get } = await eventServer();
    const described = { format: 'f', media_type: 'm', sha256: `${'A'.repeat(43)}=`, size: 7 };
    expect(await (await send({ ...small, id: 'a', raw: described })).json()).toMatchObject({
      rawMissing: true,
    });
    const batch = await (
      await lines([
        { ...small, id: 'b', raw: raw('z') },
        { ...small, raw: described },
      ])
    ).json();
    expect(batch.rawMissing).toEqual([1]);
    expect(await problem(await get('a/raw'))).toEqual([404, 'raw_absent']);
    expect(await (await get('b/raw')).text()).toBe('z');
  });

  test.each([
    ['in a row', 'z'],
    ['in a file', 'z'.repeat(70_000)],
  ])('that come %s with a repeat are those of the first, or the answer says that there are none', async (_, text) => {
    const { send, lines, get } = await eventServer();
    const { content, ...form } = raw(text);
    const sha256 = createHash('sha256').update(text).digest('base64');
    const [described, whole] = [
      { ...small, raw: { ...form, sha256, size: text.length } },
      { ...small, raw: { ...form, content } },
    ];
    await send({ ...described, id: 'told' });
    await send({ ...whole, id: 'sent' });
    const told = await send({ ...whole, id: 'told' });
    expect([told.status, (await told.json()).rawMissing]).toEqual([200, true]);
    expect(await problem(await get('told/raw'))).toEqual([404, 'raw_absent']);
    const sent = await send({ ...described, id: 'sent' });
    expect([sent.status, (await sent.json()).rawMissing]).toEqual([200, undefined]);
    const batch = await lines([
      { ...described, id: 'sent' },
      { ...whole, id: 'told' },
      { ...whole, id: 'new' },
      { ...described, id: 'new' },
    ]);
    expect((await batch.json()).rawMissing).toEqual([1]);
  });

  test.each<[string, object, string, string]>([
    ['another size', { size: 2 }, 'raw_mismatch', '/raw/size'],
    ['another digest', { sha256: `${'A'.repeat(43)}=` }, 'raw_mismatch', '/raw/sha256'],
    ['no base64', { content: 'x' }, 'invalid_event', '/raw/content'],
    ['base64 with spare bits', { content: 'QR==' }, 'invalid_event', '/raw/content'],
    ['no format', { format: undefined }, 'invalid_event', '/raw/format'],
  ])('with %s are refused', async (_, change, code, pointer) => {
    const { send } = await eventServer();
    const answer = await send({ ...small, raw: { ...raw('z'), ...change } });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code, errors: [{ pointer }] }]);
  });
});

describe('EVENT-15 reading', () => {
  test('needs a token with scope query, also of a public log', async () => {
    const { send, app, get } = await eventServer();
    await send({ ...small, id: 'a', raw: raw('z') });
    for (const path of ['a', '0', 'a/raw']) {
      expect((await app.request(`/logs/main/events/${path}`)).status).toBe(401);
      expect(await problem(await get(path, READ_TOKEN))).toEqual([403, 'forbidden']);
    }
  });

  test.each([
    ['1', 404, 'beyond_log_head'],
    ['00', 400, 'malformed_number'],
    ['b', 404, 'unknown_event'],
    ['a?tenant=acme', 404, 'unknown_event'],
    ['a?withhold=who', 400, 'invalid_parameter'],
    ['a?with=actor', 400, 'invalid_parameter'],
    ['a%7E', 400, 'invalid_request'],
    ['a/raw/b', 404, 'not_found'],
  ])('%s: %i %s', async (path, status, code) => {
    const { send, get } = await eventServer();
    await send({ ...small, id: 'a' });
    expect(await problem(await get(path))).toEqual([status, code]);
  });

  test.each<[string, readonly string[]]>([
    ['', []],
    ['actor', ['actor', 'raw']],
    ['actor,source', ['actor', 'source', 'raw']],
    ['raw', ['raw']],
  ])('withhold=%s gives a disclosure that verifies and withholds %j', async (names, withheld) => {
    const { send, lines, get, log } = await eventServer(['kind']);
    await send({ ...small, id: 'a', kind: 'api', source: { ip: '192.0.2.7' }, raw: raw('z') });
    await lines(Array.from({ length: 5 }, () => small));
    const answer = await get(`a?withhold=${names}`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const file = parseDisclosure(await answer.text());
    const [vkey = ''] = log.vkeys;
    const trust = { origin: log.origin, logVerifiers: [createNoteVerifier(vkey, ed25519Verify)] };
    expect((await verifyDisclosure(portableEventHasher, file, trust)).size).toBe(6);
    const { event, states } = readDisclosure(file.disclosure);
    expect(
      Object.keys(states)
        .filter((name) => states[name as 'raw'] === 'withheld')
        .sort(),
    ).toEqual([...withheld].sort());
    expect([event.action, file.disclosure.labels]).toEqual(['user.login', { kind: 'api' }]);
    expect(JSON.stringify(event).includes('u-17')).toBe(!withheld.includes('actor'));
  });
});

test('EVENT-5 leaves and tiles, as anybody gets them, tell neither values nor members', async () => {
  const { send, app, log } = await eventServer();
  await send({ ...small, id: 'a' });
  const core = { id: 'secret-id', tenant: 'secret-tenant', reason: { message: 'secret-reason' } };
  const rest = {
    labels: { secret: 'secret-label' },
    data: { secret: 'secret-data' },
    raw: raw('secret-record'),
  };
  await send({ ...small, ...core, targets: [{ type: 'secret-type', id: 'secret-target' }], ...rest });
  const of = async (path: string): Promise<Buffer> =>
    Buffer.from(await (await app.request(`/logs/main/tile/${path}/000.p/2`)).arrayBuffer());
  const [bundle, tile] = [await of('entries'), await of('0')];
  const [first, second] = decodeBundle(bundle, { count: 2 }) as [Uint8Array, Uint8Array];
  // All that differs is a commitment, and the time that it came.
  expect(second.length).toBe(first.length);
  expect(Object.keys(decodeLeaf(second))).toEqual(Object.keys(decodeLeaf(first)));
  expect(tile).toEqual(Buffer.concat([first, second].map((entry) => portableEventHasher.leafHash(entry))));
  for (const word of ['secret', 'u-17', 'user.login', 'success'])
    expect([bundle.includes(word), tile.includes(word), log.head.note.includes(word)]).toEqual([
      false,
      false,
      false,
    ]);
});

describe('EVENT-18 events whose secrets are lost', () => {
  /** A log with an event without an id, one with, and none of their secrets. */
  async function withoutSeeds(): Promise<DataDirectory> {
    const dir = await newDataDirectory({ kind: 'events' });
    const { send, log } = await eventServer([], dir);
    await send(small, { 'idempotency-key': 'k' });
    await send({ ...small, id: 'a', raw: raw('z') });
    await log.close();
    const folder = join(dir.dataPath, 'logs/main');
    const { seeds, idSecret } = eventPaths(folder);
    const secret = Buffer.from((await readFile(idSecret, 'utf8')).trim(), 'hex');
    await rm(seeds);
    await createEventFiles(folder, { gapEnd: 2, secret });
    return dir;
  }

  test('are not read, and known again; an id that the server made is not told', async () => {
    const { send, lines, get } = await eventServer([], await withoutSeeds());
    for (const name of ['0', 'a', 'a?withhold=actor', 'a/raw'])
      expect(await problem(await get(name))).toEqual([410, 'payload_unavailable']);
    const again = await send(small, { 'idempotency-key': 'k' });
    expect([again.status, await again.json()]).toMatchObject([200, { id: null, index: 0 }]);
    const cbor = { 'idempotency-key': 'k', accept: 'application/cbor' };
    for (const [answer, ids] of [
      [await send(small, cbor), { id: null }],
      [await lines([small], cbor), { ids: [null] }],
    ] as const)
      expect(decodeCbor(new Uint8Array(await answer.arrayBuffer()))).toMatchObject(ids);
    expect(await (await lines([small], { 'idempotency-key': 'k' })).json()).toMatchObject({ ids: [null] });
    const batch = await (
      await lines([
        { ...small, id: 'a' },
        { ...small, id: 'b' },
      ])
    ).json();
    expect([batch.ids, batch.indexes]).toEqual([
      ['a', 'b'],
      [1, 2],
    ]);
    expect((await get('b')).status).toBe(200);
  });
});

describe('HTTP-10 kinds', () => {
  test('a log of events takes no entries, a log of entries no events', async () => {
    const events = await eventServer();
    for (const path of ['entries', 'add'])
      expect(await problem(await events.post(path, 'x'))).toEqual([409, 'wrong_log_kind']);
    await expect(events.log.append({ entries: [new Uint8Array(1)] })).rejects.toMatchObject({
      code: 'wrong_log_kind',
    });
    expect(events.log.head.size).toBe(0);
    const entries = await newServer();
    expect(await problem(await entries.post('events', JSON.stringify(small), JSON_TYPE))).toEqual([
      409,
      'wrong_log_kind',
    ]);
    const headers = { authorization: `Bearer ${QUERY_TOKEN}` };
    expect(await problem(await entries.app.request('/logs/main/events/0', { headers }))).toEqual([
      409,
      'wrong_log_kind',
    ]);
  });
});
