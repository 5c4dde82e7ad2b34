import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogClient } from '../../src/client/log-client.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import type { Receipt } from '../../src/core/proof/receipt.ts';
import { leafIndex } from '../../src/core/units.ts';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { bytesOf, KNOWN_TOKEN, LOG_URL, lying, members, TOKEN } from '../support/served-logs.ts';
import { settle, until } from '../support/step-clock.ts';
import { type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

/** The receipt of entry 1 under the log head. */
async function receiptOf({ log }: WitnessingDesk): Promise<Receipt> {
  const { size: treeSize, note: checkpoint } = log.head;
  const { leafHash, rootHash, proof: inclusionProof } = await log.proveInclusion(leafIndex(1), treeSize);
  return { index: leafIndex(1), leafHash, treeSize, rootHash, inclusionProof, checkpoint };
}

/** A log in mode prefer whose witness has cosigned size 2, and which publishes size 3. */
async function prefers(): Promise<{
  desk: WitnessingDesk;
  client: (around?: (f: Fetch) => Fetch) => LogClient;
}> {
  const desk = await witnessingDesk();
  await desk.append('one', 'two');
  const witnessing = await desk.start({ mode: 'prefer' });
  desk.lies.set('a', async () => Promise.reject(new TypeError('fetch failed')));
  await desk.append('three');
  await settle();
  desk.clock.pass(10_000);
  await until(() => desk.log.publishedHead.size === 3);
  const app = createApp({
    logs: { names: () => ['main'], get: () => desk.log },
    tokens: async () => [KNOWN_TOKEN],
    clock: systemClock,
    witnessing: () => witnessing,
  });
  const policy = parsePolicy(`log ${desk.log.vkeys[0]}\n${desk.policy}`);
  const retry = { sleep: async () => undefined, random: () => 0 };
  const client = (around = (fetch: Fetch) => fetch): LogClient =>
    new LogClient({
      ...{ logUrl: LOG_URL, token: TOKEN, retry, trust: { policy, origin: desk.log.origin } },
      fetch: around(async (url, init) => app.request(url, init)),
    });
  return { desk, client };
}

describe('CLIENT-10 witnessed gives the leaf under a head that the quorum has cosigned', () => {
  test('where the published one has no quorum, and smaller than a receipt that was seen', async () => {
    const { client } = await prefers();
    const reader = client();
    const { receipt } = await reader.append(bytesOf('four'));
    const old = { ...receipt, index: leafIndex(1) };
    await expect(reader.inclusion(receipt.index)).rejects.toMatchObject({ code: 'not_yet_published' });
    await expect(reader.upgrade(receipt)).rejects.toMatchObject({ code: 'not_yet_published' });
    await expect(reader.witnessed(receipt)).rejects.toMatchObject({ code: 'not_yet_witnessed' });
    await expect(reader.witnessed(old)).rejects.toMatchObject({ code: 'proof_mismatch' });
  });

  test('the receipt of an entry that was cosigned is upgraded', async () => {
    const { desk, client } = await prefers();
    const reader = client();
    const receipt = await receiptOf(desk);
    await expect(reader.upgrade(receipt)).rejects.toMatchObject({ code: 'policy_not_met' });
    const upgraded = await reader.witnessed(receipt);
    expect([upgraded.treeSize, upgraded.checkpoint.includes('a.example/w')]).toEqual([2, true]);
    await reader.verify(upgraded);
  });

  test.each<[string, string, (honest: Record<string, unknown>) => Record<string, unknown>]>([
    [
      'the published head in its place',
      'policy_not_met',
      (m) => ({ ...m, checkpoint: String(m['checkpoint']).replace(/— a.example.*\n/, '') }),
    ],
    ['another index', 'malformed_answer', (m) => ({ ...m, index: 0 })],
    ['another leaf', 'proof_mismatch', (m) => ({ ...m, leafHash: Buffer.alloc(32).toString('base64') })],
    ['no checkpoint', 'malformed_answer', ({ checkpoint: _, ...m }) => m],
  ])('a server that answers with %s is refused: %s', async (_, code, lie) => {
    const { desk, client } = await prefers();
    const reader = client((fetch) => lying(fetch, 'head=witnessed', members(lie)));
    const receipt = await receiptOf(desk);
    await expect(reader.witnessed(receipt)).rejects.toMatchObject({ code });
  });
});
