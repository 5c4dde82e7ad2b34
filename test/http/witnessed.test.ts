import { describe, expect, test } from 'vitest';
import { decodeCbor } from '../../src/core/encoding/cbor.ts';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Witnessing } from '../../src/witnessing/witnessing.ts';
import { KNOWN_TOKEN, TOKEN } from '../support/served-logs.ts';
import { settle, until } from '../support/step-clock.ts';
import { newDataDirectory } from '../support/test-log.ts';
import { readCosigned } from '../support/witness-desk.ts';
import { type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

const EVENT =
  '{"action":"user.login","time":"2026-11-18T11:06:40Z","outcome":"success","actor":{"type":"user","id":"u-17"}}';

interface Ask {
  /** Sends an event. */
  event(headers: Record<string, string>): Promise<Response>;
  post(body: string, query?: string, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

function served(desk: WitnessingDesk, witnessing?: Witnessing): Ask {
  const app = createApp({
    logs: { names: () => ['main'], get: () => desk.log },
    tokens: async () => [KNOWN_TOKEN],
    clock: systemClock,
    witnessing: () => witnessing,
  });
  const own = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/octet-stream' };
  return {
    post: async (body, query = '?ack=witnessed', headers = {}) =>
      app.request(`http://log.example/logs/main/entries${query}`, {
        method: 'POST',
        headers: { ...own, ...headers },
        body,
      }),
    event: async (headers) =>
      app.request('http://log.example/logs/main/events?ack=witnessed', {
        method: 'POST',
        headers: { ...own, ...headers },
        body: `${EVENT}\n`,
      }),
    get: async (path, headers = {}) => app.request(`http://log.example/logs/main/${path}`, { headers }),
  };
}
const gone = async (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));
const vkeyOf = (desk: WitnessingDesk): string => desk.witnesses['a']?.witness.vkey ?? '';

describe('HTTP-32 ack=witnessed waits for the quorum', () => {
  test('201 with the proof of the cosigned size, 200 for a repeat', async () => {
    const desk = await witnessingDesk();
    const { post } = served(desk, await desk.start());
    const key = { 'Idempotency-Key': 'k' };
    const asked = post('one', '?ack=witnessed', key);
    await until(() => desk.log.head.size === 1);
    await settle();
    desk.clock.pass(1_000);
    const answer = await asked;
    const receipt = await answer.json();
    expect([answer.status, receipt.index, receipt.treeSize, 'witnessed' in receipt]).toEqual([
      201,
      0,
      1,
      false,
    ]);
    expect((await readCosigned(receipt.checkpoint, vkeyOf(desk))).size).toBe(1);
    expect((await post('one', '?ack=witnessed', key)).status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ['JSON', {}],
    ['CBOR', { Accept: 'application/cbor' }],
  ])('202 once the time is over, as %s: the durable receipt, and where the proof will be', async (form, headers) => {
    const desk = await witnessingDesk();
    desk.lies.set('a', gone);
    const witnessing = await desk.start();
    const { post, get } = served(desk, witnessing);
    const asked = post('one', '?ack=witnessed', headers);
    await until(() => desk.log.head.size === 1);
    await settle();
    desk.clock.pass(9_999);
    await settle();
    desk.clock.pass(1);
    const answer = await asked;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const body = form === 'CBOR' ? decodeCbor(bytes) : JSON.parse(Buffer.from(bytes).toString());
    expect([answer.status, body]).toEqual([
      202,
      expect.objectContaining({ index: 0, treeSize: 1, witnessed: false, checkpoint: desk.log.head.note }),
    ]);
    const location = answer.headers.get('location') ?? '';
    const { pathname, search } = new URL(location, 'http://log.example/logs/main/entries');
    expect(pathname + search).toBe('/logs/main/proofs/inclusion?index=0&head=witnessed');
    const early = await get(location);
    expect([early.status, (await early.json()).code]).toEqual([404, 'not_yet_witnessed']);
    desk.lies.clear();
    desk.clock.pass(120_000);
    await until(() => witnessing.witnessedHead !== undefined);
    const later = await (await get(location)).json();
    expect((await readCosigned(later.checkpoint, vkeyOf(desk))).size).toBe(1);
  });

  test('a batch waits for its last entry', async () => {
    const desk = await witnessingDesk();
    const { post } = served(desk, await desk.start());
    const lines = { 'Content-Type': 'application/x-ndjson' };
    const asked = post('one\ntwo\n', '?ack=witnessed', lines);
    await until(() => desk.log.head.size === 2);
    await settle();
    desk.clock.pass(1_000);
    const answer = await asked;
    const { indexes, checkpoint } = await answer.json();
    expect([answer.status, indexes]).toEqual([201, [0, 1]]);
    expect((await readCosigned(checkpoint, vkeyOf(desk))).size).toBe(2);
    desk.lies.set('a', gone);
    const late = post('three\nfour\n', '?ack=witnessed', lines);
    await until(() => desk.log.head.size === 4);
    await settle();
    desk.clock.pass(10_000);
    const early = await late;
    expect([early.status, early.headers.get('location')]).toEqual([
      202,
      'proofs/inclusion?index=3&head=witnessed',
    ]);
    expect(await early.json()).toMatchObject({
      indexes: [2, 3],
      new: [true, true],
      treeSize: 4,
      witnessed: false,
    });
  });

  test('a .tlog-proof is one of the cosigned size', async () => {
    const desk = await witnessingDesk();
    const { post } = served(desk, await desk.start());
    const asked = post('one', '?ack=witnessed', { Accept: 'text/plain' });
    await until(() => desk.log.head.size === 1);
    await settle();
    desk.clock.pass(1_000);
    const text = await (await asked).text();
    expect(text).toContain(desk.log.publishedHead.note);
  });

  test.each<[string, object, Record<string, string>]>([
    ['one event', { index: 0 }, { 'Content-Type': 'application/json' }],
    ['events in lines', { indexes: [0], new: [true] }, { 'Content-Type': 'application/x-ndjson' }],
    ['one event as CBOR', { index: 0 }, { 'Content-Type': 'application/json', Accept: 'application/cbor' }],
  ])('%s waits likewise, and is 202 likewise', async (_, members, headers) => {
    const desk = await witnessingDesk({ dir: await newDataDirectory({ kind: 'events' }) });
    const { event } = served(desk, await desk.start());
    const read = async (answer: Response): Promise<Record<string, unknown>> => {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const isCbor = answer.headers.get('content-type') === 'application/cbor';
      return (isCbor ? decodeCbor(bytes) : JSON.parse(Buffer.from(bytes).toString())) as Record<
        string,
        unknown
      >;
    };
    const first = event(headers);
    await until(() => desk.log.head.size === 1);
    await settle();
    desk.clock.pass(1_000);
    const answer = await first;
    const body = await read(answer);
    expect([answer.status, body]).toEqual([201, expect.objectContaining(members)]);
    expect('witnessed' in body).toBe(false);
    expect((await readCosigned(String(body['checkpoint']), vkeyOf(desk))).size).toBe(1);
    desk.lies.set('a', gone);
    const second = event(headers);
    await until(() => desk.log.head.size === 2);
    await settle();
    desk.clock.pass(10_000);
    const early = await second;
    expect([early.status, (await read(early))['witnessed']]).toEqual([202, false]);
    expect(early.headers.get('location')).toBe('proofs/inclusion?index=1&head=witnessed');
  });

  test('a log that stops answers who waits: 202', async () => {
    const desk = await witnessingDesk();
    desk.lies.set('a', gone);
    const witnessing = await desk.start();
    const asked = served(desk, witnessing).post('one');
    await until(() => desk.log.head.size === 1);
    await settle();
    await witnessing.close();
    expect((await asked).status).toBe(202);
    expect((await served(desk, witnessing).post('two')).status).toBe(202);
  });

  test.each([
    ['?ack=durable', 201, undefined],
    ['', 201, undefined],
    ['?ack=witnessed', 409, 'no_witness_policy'],
    ['?ack=now', 400, 'invalid_parameter'],
    ['?ack=durable&ack=durable', 400, 'invalid_parameter'],
    ['?wait=1', 400, 'invalid_parameter'],
  ])('without a policy, %s: %d', async (query, status, code) => {
    const desk = await witnessingDesk();
    const answer = await served(desk).post('one', query);
    expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
    expect(desk.log.head.size).toBe(status === 201 ? 1 : 0);
  });
});

describe('HTTP-33 head=witnessed proves in the newest head that the quorum has cosigned', () => {
  test('also where mode prefer publishes a later one', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    const { get } = served(desk, await desk.start({ mode: 'prefer' }));
    desk.lies.set('a', gone);
    await desk.append('three');
    await settle();
    desk.clock.pass(10_000);
    await until(() => desk.log.publishedHead.size === 3);
    const published = await (await get('proofs/inclusion?index=1')).json();
    const witnessed = await (await get('proofs/inclusion?index=1&head=witnessed')).json();
    expect([published.treeSize, witnessed.treeSize]).toEqual([3, 2]);
    expect((await readCosigned(witnessed.checkpoint, vkeyOf(desk))).size).toBe(2);
    const byHash = Buffer.from(witnessed.leafHash, 'base64').toString('hex');
    expect(await (await get(`proofs/inclusion?leafHash=${byHash}&head=witnessed`)).json()).toEqual(witnessed);
    const text = await get('proofs/inclusion?index=1&head=witnessed', { Accept: 'text/plain' });
    expect(await text.text()).toContain(witnessed.checkpoint);
    const cbor = await get('proofs/inclusion?index=1&head=witnessed', { Accept: 'application/cbor' });
    const decoded = decodeCbor(new Uint8Array(await cbor.arrayBuffer()));
    expect(decoded).toMatchObject({ index: 1, treeSize: 2, checkpoint: witnessed.checkpoint });
  });

  test.each([
    ['proofs/inclusion?index=2&head=witnessed', 404, 'not_yet_witnessed', 3],
    ['proofs/inclusion?index=3&head=witnessed', 404, 'beyond_log_head', 3],
    ['proofs/inclusion?index=0&head=published', 400, 'invalid_parameter', undefined],
    ['proofs/inclusion?index=0&head=witnessed&treeSize=2', 400, 'invalid_parameter', undefined],
    ['proofs/inclusion?head=witnessed', 400, 'invalid_parameter', undefined],
    ['proofs/consistency?from=1&head=witnessed', 400, 'invalid_parameter', undefined],
  ])('%s: %d %s', async (path, status, code, size) => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    const { get } = served(desk, await desk.start());
    await desk.append('three');
    const answer = await get(path);
    const problem = await answer.json();
    expect([answer.status, problem.code, problem.treeSize]).toEqual([status, code, size]);
  });

  test('without a policy: 409', async () => {
    const desk = await witnessingDesk();
    await desk.append('one');
    const answer = await served(desk).get('proofs/inclusion?index=0&head=witnessed');
    expect([answer.status, (await answer.json()).code]).toEqual([409, 'no_witness_policy']);
  });
});
