import { createHash } from 'node:crypto';
import type { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { parseReceipt, type Receipt, verifyReceipt } from '../../src/core/proof/receipt.ts';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createLog } from '../../src/sequencer/create-log.ts';
import type { DuplicateMode } from '../../src/sequencer/log.ts';
import { LogSet } from '../../src/sequencer/log-set.ts';
import { newDataDirectory } from '../support/test-log.ts';

const ALL = `stele_00000000_${'a'.repeat(43)}`;
const OTHER_ONLY = `stele_00000001_${'b'.repeat(43)}`;
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

interface TwoLogs {
  readonly app: Hono;
  readonly logs: LogSet;
  post(path: string, body: string, headers?: Record<string, string>): Promise<Response>;
}

/** Two public logs in one server. */
async function twoLogs(duplicates: DuplicateMode = 'key'): Promise<TwoLogs> {
  const dir = await newDataDirectory({ duplicates });
  const deps = { dir, clock: systemClock, random: systemRandom };
  await createLog(deps, { name: 'other', kind: 'entries', origin: 'log.example/other', duplicates });
  const logs = await LogSet.open({ dir, clock: systemClock });
  onTestFinished(() => logs.close());
  const app = createApp({
    logs,
    tokens: () => [
      { id: '00000000', sha256: sha256(ALL), scopes: ['append'], logs: '*' },
      { id: '00000001', sha256: sha256(OTHER_ONLY), scopes: ['append'], logs: ['other'] },
    ],
    clock: systemClock,
  });
  const post: TwoLogs['post'] = async (path, body, headers) => {
    const usual = { 'content-type': 'application/octet-stream', authorization: `Bearer ${ALL}` };
    return app.request(`/logs/${path}`, { method: 'POST', body, headers: { ...usual, ...headers } });
  };
  return { app, logs, post };
}

describe('HTTP-4 HTTP-9 two logs in one server know nothing of each other', () => {
  test('a receipt of one is none of the other', async () => {
    const { logs, post } = await twoLogs();
    const receipts: Receipt[] = [];
    for (const name of ['main', 'other'])
      receipts.push(parseReceipt(await (await post(`${name}/entries`, 'same bytes')).json()));
    const verify = async (i: number, name: string): Promise<string> => {
      const log = await logs.get(name);
      const logVerifiers = [createNoteVerifier(log?.vkeys[0] ?? '', ed25519Verify)];
      const receipt = receipts[i] as Receipt;
      return verifyReceipt(nodeHasher, receipt, { origin: log?.origin ?? '', logVerifiers }).then(
        () => 'verified',
        (error) => error.code,
      );
    };
    expect([await verify(0, 'main'), await verify(1, 'other')]).toEqual(['verified', 'verified']);
    expect([await verify(0, 'other'), await verify(1, 'main')]).toEqual([
      'unverified_note',
      'unverified_note',
    ]);
  });

  test('a token of one writes nothing to the other, and names neither', async () => {
    const { logs, post } = await twoLogs();
    const authorization = `Bearer ${OTHER_ONLY}`;
    expect((await post('other/entries', 'a', { authorization })).status).toBe(201);
    for (const name of ['main', 'none', '__proto__', 'constructor'])
      expect([name, (await post(`${name}/entries`, 'a', { authorization })).status]).toEqual([name, 403]);
    expect((await logs.get('main'))?.head.size).toBe(0);
  });

  test('a retry key counts in its log alone', async () => {
    const { logs, post } = await twoLogs();
    const key = { 'idempotency-key': 'one' };
    const statuses = [];
    for (const path of ['main/entries', 'other/entries', 'main/entries'])
      statuses.push((await post(path, path.slice(0, 4), key)).status);
    expect(statuses).toEqual([201, 201, 200]);
    expect((await post('other/entries', 'else', key)).status).toBe(422);
    expect(logs.opened().map(({ head }) => head.size)).toEqual([1, 1]);
  });

  test('tiles that are kept ready are those of their log', async () => {
    const { app, post } = await twoLogs();
    for (const name of ['main', 'other'])
      await post(`${name}/entries`, `${name}\n`.repeat(256), { 'content-type': 'application/x-ndjson' });
    const read = async (path: string): Promise<string> =>
      Buffer.from(await (await app.request(path)).arrayBuffer()).toString('latin1');
    for (const path of ['tile/entries/000', 'tile/0/000'])
      for (let turn = 0; turn < 2; turn += 1) {
        const [main, other] = [await read(`/logs/main/${path}`), await read(`/logs/other/${path}`)];
        expect(main).not.toBe(other);
      }
    expect(await read('/logs/other/tile/entries/000')).toContain('other');
  });
});

describe('HTTP-9 repeats in the modes that have no keys', () => {
  const lines = { 'content-type': 'application/x-ndjson' };
  const key = { 'idempotency-key': 'one' };

  test('content: each bytes once, whatever the key, at once and one after the other', async () => {
    const { logs, post } = await twoLogs('content');
    const log = await logs.get('main');
    const together = await Promise.all(
      Array.from({ length: 8 }, () => post('main/entries', 'a\nb\na\n', lines)),
    );
    for (const answer of together) expect((await answer.json()).indexes).toEqual([0, 1, 0]);
    expect(together.map(({ status }) => status).filter((status) => status === 201)).toHaveLength(1);
    expect((await post('main/entries', 'b', key)).status).toBe(200);
    expect((await post('main/entries', 'other', key)).status).toBe(201);
    expect(await (await post('main/add', 'a')).text()).toBe('0');
    expect([log?.head.size, (await logs.get('other'))?.head.size]).toEqual([3, 0]);
  });

  test('content: a refused batch places none of its new bytes', async () => {
    const { logs, post } = await twoLogs('content');
    const log = await logs.get('main');
    expect((await post('main/entries', 'a\n\nb', lines)).status).toBe(400);
    expect((await post('main/entries', `a\n${'x'.repeat(65_536)}`, lines)).status).toBe(413);
    expect(log?.head.size).toBe(0);
    expect((await (await post('main/entries', 'b\na', lines)).json()).indexes).toEqual([0, 1]);
  });

  test('off: everything is new, whatever the key says', async () => {
    const { logs, post } = await twoLogs('off');
    const log = await logs.get('main');
    for (const headers of [key, key, { 'idempotency-key': 'not a key' }])
      expect((await post('main/entries', 'a', headers)).status).toBe(201);
    expect(log?.head.size).toBe(3);
  });
});
