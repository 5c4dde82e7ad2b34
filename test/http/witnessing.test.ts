import { describe, expect, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Witnessing } from '../../src/witnessing/witnessing.ts';
import { settle } from '../support/step-clock.ts';
import { readCosigned } from '../support/witness-desk.ts';
import { type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

const get = (desk: WitnessingDesk, witnessing: Witnessing) => {
  const app = createApp({
    logs: { names: () => ['main'], get: () => desk.log },
    tokens: async () => [],
    clock: systemClock,
    witnessing: () => witnessing,
  });
  return async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(`http://log.example${path}`, { headers });
};

describe('WITNESSED-8 what readers see of witnesses', () => {
  test('the published note, both sizes, freshness, and how each witness stands', async () => {
    const desk = await witnessingDesk({ count: 2, quorum: 'any' });
    desk.lies.set('b', async () => new Response('', { status: 503 }));
    await desk.append('one', 'two');
    const ask = get(desk, await desk.start());
    await desk.append('three');
    await settle();
    const note = await (await ask('/logs/main/checkpoint')).text();
    const { size, timeSec } = await readCosigned(note, desk.witnesses['a']?.witness.vkey ?? '');
    expect(size).toBe(2);
    const described = await (await ask('/logs/main/log')).json();
    expect(described).toMatchObject({ treeSize: 3, publishedTreeSize: 2 });
    expect(described.witnessing).toEqual({
      mode: 'require',
      witnessedTreeSize: 2,
      freshnessSec: timeSec,
      witnesses: [
        { name: 'a', lagEntries: 1, treeSize: 2, cosignedAtSec: timeSec },
        { name: 'b', lagEntries: 3, lastError: { code: 'unreachable', at: expect.stringMatching(/Z$/) } },
      ],
    });
    const text = await (await ask('/metrics')).text();
    for (const line of [
      'stele_log_witnessed_tree_size{log="main"} 2',
      `stele_log_freshness_timestamp_seconds{log="main"} ${timeSec}`,
      'stele_log_witness_lag_entries{log="main",witness="a"} 1',
      'stele_log_witness_failures{log="main",witness="b"} 1',
      'stele_log_witness_requests_total{log="main",witness="a",outcome="cosigned"} 1',
      'stele_log_witness_requests_total{log="main",witness="b",outcome="unreachable"} 1',
    ])
      expect(text).toContain(line);
    const twice = await (await ask('/metrics')).text();
    expect(twice).toContain('{log="main",witness="a",outcome="cosigned"} 1');
  });

  test('the same as CBOR, and nothing of it without a policy', async () => {
    const desk = await witnessingDesk();
    const ask = get(desk, await desk.start());
    const cbor = await ask('/logs/main/log', { Accept: 'application/cbor' });
    expect([cbor.status, cbor.headers.get('content-type')]).toEqual([200, 'application/cbor']);
    const app = createApp({
      logs: { names: () => ['main'], get: () => desk.log },
      tokens: async () => [],
      clock: systemClock,
    });
    const plain = await (await app.request('http://log.example/logs/main/log')).json();
    expect('witnessing' in plain).toBe(false);
  });

  test('WITNESSED-9 kept heads have the published one in its place, with its cosignatures', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    const ask = get(desk, await desk.start());
    await desk.append('three');
    const { checkpoints } = await (await ask('/logs/main/checkpoints')).json();
    const sizes = checkpoints.map(({ treeSize }: { treeSize: number }) => treeSize);
    expect(sizes.slice(-2)).toEqual([2, 3]);
    expect(checkpoints.at(-2).checkpoint).toBe(desk.log.publishedHead.note);
    const early = await ask('/logs/main/proofs/inclusion?index=2');
    expect([early.status, (await early.json()).code]).toEqual([404, 'not_yet_published']);
    const proof = await ask('/logs/main/proofs/inclusion?index=1', { Accept: 'text/plain' });
    expect(await proof.text()).toContain(desk.log.publishedHead.note);
  });
});
