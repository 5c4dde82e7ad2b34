import { describe, expect, test } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import { WriteGate } from '../../src/http/write-gate.ts';
import { WAITERS_MAX } from '../../src/witnessing/waiters.ts';
import { LOG_URL, TOKEN } from '../support/served-logs.ts';
import { passUntil, settle, until } from '../support/step-clock.ts';
import { type WitnessedLog, witnessedLog } from '../support/witnessed-log.ts';

const ENTRY = { 'Content-Type': 'application/octet-stream' };
const post = async (
  { app }: WitnessedLog,
  body: string,
  headers: Record<string, string> = {},
  query = '?ack=witnessed',
): Promise<Response> =>
  app.request(`${LOG_URL}/entries${query}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}`, ...ENTRY, ...headers },
    body,
  });
const cosigners = async (answer: Response): Promise<string[]> => {
  const { checkpoint } = (await answer.json()) as { checkpoint: string };
  return [...checkpoint.matchAll(/\u2014 ([abc])\.example\/w /g)].map(([, name = '']) => name);
};

describe('HTTP-32 who waits for witnesses', () => {
  test.each<[string, number, number, string[]]>([
    ['all', 2, 202, []],
    ['any', 2, 201, ['b']],
    ['2', 3, 201, ['b', 'c']],
  ])('a quorum of %s of %d, one of them away: %d', async (quorum, count, status, names) => {
    const log = await witnessedLog({ quorum, count });
    log.cutOff();
    const answer = await log.after(post(log, 'one'), 1, status === 202 ? 10_000 : 1_000);
    expect([answer.status, await cosigners(answer)]).toEqual([status, names]);
    // That one of them alone is not enough is no trouble.
    expect(new Set(log.desk.trouble.map(([code]) => code))).toEqual(new Set(['unreachable']));
  });

  test('is not answered before the deadline, and at the deadline at once', async () => {
    const log = await witnessedLog();
    log.cutOff();
    const seen: number[] = [];
    const asked = log.after(post(log, 'one'), 1, 9_999).then(({ status }) => seen.push(status));
    await until(() => log.desk.clock.monotonicMs() === 9_999);
    await settle();
    expect(seen).toEqual([]);
    log.desk.clock.pass(1);
    await asked;
    expect(seen).toEqual([202]);
  });

  test('gets the cosigned proof by the same key once it is there', async () => {
    const log = await witnessedLog();
    log.cutOff();
    const key = { 'Idempotency-Key': 'k' };
    expect((await log.after(post(log, 'one', key), 1, 10_000)).status).toBe(202);
    const again: number[] = [];
    void post(log, 'one', key).then(({ status }) => again.push(status));
    await passUntil(log.desk.clock, () => again.length > 0);
    expect(again).toEqual([202]);
    await log.reconnect();
    const later = await post(log, 'one', key);
    expect([later.status, await cosigners(later), log.desk.log.head.size]).toEqual([200, ['a'], 1]);
  });

  test('is not answered from a head that mode prefer has published without them', async () => {
    const log = await witnessedLog({ mode: 'prefer', maxWitnessLagMs: 1_000 });
    log.cutOff();
    const asked = log.after(post(log, 'one'), 1, 1_000);
    await until(() => log.desk.log.publishedHead.size === 1);
    log.desk.clock.pass(9_000);
    const answer = await asked;
    expect([answer.status, await cosigners(answer)]).toEqual([202, []]);
  });

  test('as a .tlog-proof: that of the log head, and where the cosigned one will be', async () => {
    const log = await witnessedLog();
    log.cutOff();
    const answer = await log.after(post(log, 'one', { Accept: 'text/plain' }), 1, 10_000);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      202,
      'proofs/inclusion?index=0&head=witnessed',
    ]);
    expect(await answer.text()).toContain(log.desk.log.head.note);
  });

  test('a batch of old and new entries waits for the newest of them', async () => {
    const log = await witnessedLog({ duplicates: 'content' });
    const lines = { 'Content-Type': 'application/x-ndjson' };
    expect((await log.after(post(log, 'one\n', lines), 1, 1_000)).status).toBe(201);
    log.cutOff();
    const mixed = await log.after(post(log, 'two\none\n', lines), 2, 10_000);
    expect([mixed.status, mixed.headers.get('location')]).toEqual([
      202,
      'proofs/inclusion?index=1&head=witnessed',
    ]);
    expect(await mixed.json()).toMatchObject({ indexes: [1, 0], new: [true, false], witnessed: false });
    const old = await post(log, 'one\n', lines);
    expect([old.status, await cosigners(old)]).toEqual([200, ['a']]);
  });

  test.each([
    'add?ack=witnessed',
    'add?ack=durable',
    'add?x',
  ])('cannot do so by %s, which adds nothing', async (path) => {
    const { app, desk } = await witnessedLog();
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const answer = await app.request(`${LOG_URL}/${path}`, { method: 'POST', headers, body: 'one' });
    const { code } = (await answer.json()) as { code: string };
    expect([answer.status, code, desk.log.head.size]).toEqual([400, 'invalid_parameter', 0]);
  });

  test('keeps no place from those who do not', async () => {
    const log = await witnessedLog({ gate: new WriteGate(1) });
    log.cutOff();
    const waiting = post(log, 'one');
    await until(() => log.desk.log.head.size === 1);
    await settle();
    expect((await post(log, 'two', {}, '')).status).toBe(201);
    log.desk.clock.pass(10_000);
    expect((await waiting).status).toBe(202);
  });

  test('as one too many is answered at once, and one less is not', async () => {
    const log = await witnessedLog();
    log.cutOff();
    const many = Array.from({ length: WAITERS_MAX - 1 }, () => log.witnessing.waitFor(treeSize(9)));
    const seen: string[] = [];
    const last = post(log, 'last').then(({ status }) => seen.push(`last ${status}`));
    await until(() => log.desk.log.head.size === 1);
    await settle();
    seen.push(`one too many ${(await post(log, 'one too many')).status}`);
    expect(seen).toEqual(['one too many 202']);
    log.desk.clock.pass(10_000);
    await last;
    expect(seen).toEqual(['one too many 202', 'last 202']);
    expect(new Set(await Promise.all(many))).toEqual(new Set([undefined]));
  });
});
