import { describe, expect, test } from 'vitest';
import type { LogClient, LogClientOptions } from '../../src/client/log-client.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { bytesOf, lying, members, servedLog } from '../support/served-logs.ts';
import { type WitnessedLog, witnessedLog } from '../support/witnessed-log.ts';

type Members = Record<string, unknown>;
const ONE = bytesOf('one');
const TWO = [bytesOf('two'), bytesOf('three')];
const WAIT = { ack: 'witnessed' } as const;

describe('CLIENT-11 an append can wait for witnesses', () => {
  test.each<[string, string, (log: WitnessedLog) => Partial<LogClientOptions>]>([
    ['a policy', 'verified', () => ({})],
    ['a policy, as CBOR', 'verified', () => ({ encoding: 'cbor' })],
    ['the key alone', 'not checked', ({ vkey }) => ({ trust: { vkey } })],
    [
      'a policy without a quorum',
      'not checked',
      ({ vkey, desk }) => ({
        trust: { policy: parsePolicy(`log ${vkey}\nquorum none\n`), origin: desk.log.origin },
      }),
    ],
  ])('with %s: %s, and the receipt is that of the cosigned head', async (_, witnesses, options) => {
    const log = await witnessedLog();
    const client = log.client(options(log));
    const how = { ...WAIT, idempotencyKey: 'k' };
    const first = await log.after(client.append(ONE, how), 1, 1_000);
    expect(first).toMatchObject({ isNew: true, witnesses, head: { size: 1 }, receipt: { index: 0 } });
    expect(first.receipt.checkpoint).toContain('\u2014 a.example/w ');
    expect(await client.append(ONE, how)).toMatchObject({ isNew: false, witnesses });
    const batch = await log.after(client.appendBatch(TWO, WAIT), 3, 1_000);
    expect(batch).toMatchObject({ indexes: [1, 2], isNew: [true, true], witnesses, head: { size: 3 } });
    expect(batch.head.note).toContain('\u2014 a.example/w ');
  });

  test.each([
    'json',
    'cbor',
  ] as const)('in vain: the durable receipt, and later the cosigned one (%s)', async (encoding) => {
    const log = await witnessedLog();
    const client = log.client({ encoding });
    log.cutOff();
    const how = { ...WAIT, idempotencyKey: 'k' };
    const early = await log.after(client.append(ONE, how), 1, 10_000);
    expect([early.isNew, early.witnesses]).toEqual([undefined, 'awaited']);
    expect(early.receipt.checkpoint).toBe(log.desk.log.head.note);
    const batch = await log.after(client.appendBatch(TWO, WAIT), 3, 10_000);
    expect(batch).toMatchObject({ indexes: [1, 2], isNew: [true, true], witnesses: 'awaited' });
    await expect(client.witnessed(early.receipt)).rejects.toMatchObject({ code: 'not_yet_witnessed' });
    await log.reconnect();
    expect((await client.witnessed(early.receipt)).checkpoint).toContain('\u2014 a.example/w ');
    expect(await client.append(ONE, how)).toMatchObject({ isNew: false, witnesses: 'verified' });
  });

  test.each([{}, { ack: 'durable' }] as const)('%j waits for no witness', async (how) => {
    const log = await witnessedLog();
    log.cutOff();
    const client = log.client();
    expect(await client.append(ONE, how)).toMatchObject({ isNew: true, witnesses: 'not checked' });
    expect(await client.appendBatch(TWO, how)).toMatchObject({ witnesses: 'not checked' });
  });

  test('a log without witnesses refuses, and takes nothing', async () => {
    const served = await servedLog(1);
    for (const append of [
      () => served.client().append(ONE, WAIT),
      () => served.client().appendBatch(TWO, WAIT),
    ])
      await expect(append()).rejects.toMatchObject({ code: 'no_witness_policy' });
    expect(served.log.head.size).toBe(1);
  });
});

describe('CLIENT-11 what a log says of its witnesses is not believed', () => {
  const note = (change: (text: string) => string) =>
    members((m: Members) => ({ ...m, checkpoint: change(String(m['checkpoint'])) }));
  const late = (change: (m: Members) => Members) => async (honest: Response) =>
    Response.json(change((await honest.json()) as Members), { status: 202 });
  const UNSIGNED = /\u2014 a\.example\/w .*\n/;
  const SPOILT = /(\u2014 a\.example\/w .{40})(.)/;
  test.each<[string, string, string, (honest: Response) => Promise<Response>]>([
    [
      'shows a note that nobody has cosigned',
      'policy_not_met',
      'has signed for what was appended',
      note((text) => text.replace(UNSIGNED, '')),
    ],
    [
      'shows a cosignature that does not hold',
      'bad_signature',
      'has signed for what was appended',
      note((text) => text.replace(SPOILT, (_, start, letter) => `${start}${letter === 'A' ? 'B' : 'A'}`)),
    ],
    ['is late and does not write it down', 'malformed_answer', 'status 202', late((m) => m)],
    ['is late and writes true', 'malformed_answer', 'status 202', late((m) => ({ ...m, witnessed: true }))],
    [
      'is in time and writes false',
      'malformed_answer',
      'status 201',
      members((m) => ({ ...m, witnessed: false })),
    ],
    [
      'is in time and writes true',
      'malformed_answer',
      'status 201',
      members((m) => ({ ...m, witnessed: true })),
    ],
  ])('a log that %s: %s', async (_, code, message, lie) => {
    const log = await witnessedLog();
    const client = log.client({ fetch: lying(log.fetch, 'ack=witnessed', lie) });
    const refused = {
      ...{ code, message: expect.stringContaining(message) },
      details: { idempotencyKey: expect.any(String) },
    };
    const appends: [number, (client: LogClient) => Promise<unknown>][] = [
      [1, () => client.append(ONE, WAIT)],
      [3, () => client.appendBatch(TWO, WAIT)],
    ];
    for (const [size, append] of appends)
      await expect(log.after(append(client), size, 1_000)).rejects.toMatchObject(refused);
  });

  test('a late answer is one though its note is cosigned: nothing is lost by asking again', async () => {
    const log = await witnessedLog();
    const lie = late((m) => ({ ...m, witnessed: false }));
    const client = log.client({ fetch: lying(log.fetch, 'ack=witnessed', lie) });
    expect(await log.after(client.append(ONE, WAIT), 1, 1_000)).toMatchObject({ witnesses: 'awaited' });
  });
});
