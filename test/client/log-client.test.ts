import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { parseReceipt } from '../../src/core/proof/receipt.ts';
import { leafIndex } from '../../src/core/units.ts';
import { bytesOf, entryTexts, lying, type ServedLog, servedLog, textOf } from '../support/served-logs.ts';

describe.each(['json', 'cbor'] as const)('CLIENT-6 all that is given out is verified, as %s', (encoding) => {
  test('an entry goes in and comes back with its proof', async () => {
    const client = (await servedLog(5)).client({ encoding });
    const appended = await client.append(bytesOf('mine'));
    expect(appended).toMatchObject({ isNew: true, receipt: { index: 5, treeSize: 6 }, head: { size: 6 } });
    const { entry, receipt, head } = await client.get(leafIndex(5));
    expect([textOf(entry), receipt.index, head.size]).toEqual(['mine', 5, 6]);
    expect(await client.verify(receipt, { entry })).toMatchObject({ size: 6 });
  });

  test('a batch goes in, is proven at once, and each leaf is found by its hash', async () => {
    const { client: newClient } = await servedLog(3);
    const client = newClient({ encoding });
    const entries = entryTexts(3, 700).map(bytesOf);
    const batch = await client.appendBatch(entries);
    expect([batch.indexes.length, batch.indexes[0], batch.isNew[0], batch.head.size]).toEqual([
      697,
      3,
      true,
      700,
    ]);
    const { receipt } = await client.get(leafIndex(699));
    const found = await client.inclusion(receipt.leafHash);
    expect(found.receipt).toEqual(receipt);
    const indexes = [0, 255, 256, 699].map(leafIndex);
    expect((await client.multi(indexes)).leafHashes[3]).toEqual(receipt.leafHash);
    const many = entryTexts(0, 501).map((_, i) => leafIndex(i));
    expect((await client.multi(many)).leafHashes).toHaveLength(501);
  });

  test('a receipt is upgraded to a later head', async () => {
    const served = await servedLog(1);
    const client = served.client({ encoding });
    const { receipt } = await client.append(bytesOf('mine'));
    await served.append('later', 'later still');
    const upgraded = await client.upgrade(receipt);
    expect(upgraded).toMatchObject({ index: 1, treeSize: 4, leafHash: receipt.leafHash });
    expect(await client.verify(upgraded, { entry: bytesOf('mine') })).toMatchObject({ size: 4 });
  });

  test('two heads are proven consistent', async () => {
    const served = await servedLog(3);
    const client = served.client({ encoding });
    const { checkpoint: older } = await client.checkpoint();
    await served.append(...entryTexts(3, 300));
    const { checkpoint: newer } = await client.checkpoint();
    expect((await client.consistency(older, newer)).length).toBeGreaterThan(0);
    expect(await client.consistency(older, older)).toEqual([]);
  });

  test('an empty log has a head and no entries', async () => {
    const served = await servedLog(0);
    const client = served.client({ encoding });
    expect((await client.checkpoint()).checkpoint.size).toBe(0);
    await expect(client.get(leafIndex(0))).rejects.toMatchObject({ code: 'beyond_log_head' });
    expect((await client.append(bytesOf(''))).receipt.index).toBe(0);
    expect((await client.get(leafIndex(0))).entry).toEqual(new Uint8Array(0));
  });
});

/** Appends `mine` and `more` while the answers to the first `lost` appends never arrive. */
async function appendUnderLoss(
  served: ServedLog,
  lost: number,
): Promise<{ keys: (string | null)[]; outcome: unknown }> {
  const keys: (string | null)[] = [];
  const fetch: Fetch = async (url, init) => {
    const answer = await served.fetch(url, init);
    if (!url.endsWith('/entries') || init.method !== 'POST') return answer;
    keys.push(new Headers(init.headers).get('idempotency-key'));
    if (keys.length <= lost) throw new TypeError('the connection broke');
    return answer;
  };
  const client = served.client({ fetch });
  const outcome = await client.append(bytesOf('mine')).catch((error: unknown) => error);
  return { keys, outcome };
}

describe('CLIENT-7 trying again appends nothing twice', () => {
  test('lost answers: every try has the same key, and there is one entry', async () => {
    const served = await servedLog(0);
    const { keys, outcome } = await appendUnderLoss(served, 3);
    expect(outcome).toMatchObject({ isNew: false, receipt: { index: 0 } });
    expect([keys.length, new Set(keys).size, served.log.head.size]).toEqual([4, 1, 1]);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  test('two calls have two keys', async () => {
    const served = await servedLog(0);
    const first = await appendUnderLoss(served, 0);
    const second = await appendUnderLoss(served, 0);
    expect([first.keys[0] === second.keys[0], served.log.head.size]).toEqual([false, 2]);
  });

  test('a log that keeps no keys gets one try', async () => {
    const served = await servedLog(0, { duplicates: 'off' });
    const { keys, outcome } = await appendUnderLoss(served, 1);
    expect(outcome).toMatchObject({ code: 'unreachable' });
    expect([keys.length, served.log.head.size]).toEqual([1, 1]);
  });

  test('a call that failed names its key, and can be repeated with it', async () => {
    const served = await servedLog(0);
    const { outcome } = await appendUnderLoss(served, 5);
    expect(outcome).toMatchObject({ code: 'unreachable', details: { idempotencyKey: expect.any(String) } });
    const { idempotencyKey } = (outcome as { details: { idempotencyKey: string } }).details;
    const again = await served.client().append(bytesOf('mine'), { idempotencyKey });
    expect([again.receipt.index, again.isNew, served.log.head.size]).toEqual([0, false, 1]);
    const other = served.client().append(bytesOf('other'), { idempotencyKey });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test.each([
    ['no entry', [], 'empty_batch'],
    ['a long entry', [new Uint8Array(65_536)], 'entry_too_large'],
    ['4,097 entries', Array.from({ length: 4_097 }, () => new Uint8Array(1)), 'batch_too_large'],
  ])('%s is refused before anything is sent', async (_, entries, code) => {
    const served = await servedLog(0);
    const fetch: Fetch = () => Promise.reject(new RangeError('asked'));
    await expect(served.client({ fetch }).appendBatch(entries)).rejects.toMatchObject({ code });
  });

  test('in mode content, entries that repeat share one index', async () => {
    const served = await servedLog(0, { duplicates: 'content' });
    const batch = await served.client().appendBatch(['a', 'b', 'a'].map(bytesOf));
    expect(batch).toMatchObject({ indexes: [0, 1, 0], isNew: [true, true, false] });
  });
});

async function read(served: ServedLog, options: Parameters<ReturnType<ServedLog['client']>['entries']>[0]) {
  const entries: string[] = [];
  for await (const { index, entry } of served.client().entries(options)) entries[index] = textOf(entry);
  return entries;
}

describe('CLIENT-8 entries come through authenticated tiles', () => {
  test.each([0, 1, 255, 256, 257, 511, 512, 700])('all of a log of %i', async (size) => {
    expect(await read(await servedLog(size), {})).toEqual(entryTexts(0, size));
  });

  test.each([
    [0, 1],
    [255, 257],
    [256, 512],
    [600, 700],
    [699, 700],
    [5, 5],
  ])('[%i, %i)', async (start, end) => {
    const entries = await read(await servedLog(700), { start, end });
    expect(entries.slice(start)).toEqual(entryTexts(start, end));
  });

  test('beyond the tree is refused', async () => {
    const asked = read(await servedLog(3), { end: 4 });
    await expect(asked).rejects.toMatchObject({ code: 'beyond_log_head', details: { treeSize: 3 } });
  });

  test('an old head is read when partial tiles and bundles are gone', async () => {
    const served = await servedLog(300);
    const { checkpoint: head } = await served.client().checkpoint();
    await served.append(...entryTexts(300, 512));
    const fetch = lying(served.fetch, '.p/', () => new Response('', { status: 404 }));
    const client = served.client({ fetch });
    const entries: string[] = [];
    // Level 1 has no full tile yet, so only the edge of level 0 and the bundle can be cut from full ones.
    const partial = lying(served.fetch, 'tile/0/001.p/', () => new Response('', { status: 404 }));
    const noPartial = lying(partial, 'tile/entries/001.p/', () => new Response('', { status: 404 }));
    for await (const { entry } of served.client({ fetch: noPartial }).entries({ head }))
      entries.push(textOf(entry));
    expect(entries).toEqual(entryTexts(0, 300));
    await expect(client.entries({ head }).next()).rejects.toMatchObject({ code: 'not_found' });
  });

  test('reading stops with the loop, and holds few bundles', async () => {
    const served = await servedLog(256 * 12);
    const waiting: (AbortSignal | null | undefined)[] = [];
    const fetch: Fetch = async (url, init) => {
      if (!url.includes('tile/entries/') || url.endsWith('000')) return served.fetch(url, init);
      waiting.push(init.signal);
      return new Promise(() => undefined);
    };
    for await (const { index } of served.client({ fetch }).entries({ ahead: 3 })) if (index === 0) break;
    expect(waiting.map((signal) => signal?.aborted)).toEqual([true, true, true]);
  });
});

describe('CLIENT-9 answers that are not what was asked for', () => {
  test.each([
    ['a list', '[]'],
    ['nothing', ''],
    ['brackets', '['.repeat(1_000_000)],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ])('%s is malformed_answer', async (_, body) => {
    const served = await servedLog(1);
    const fetch = lying(served.fetch, 'proofs', () => new Response(body));
    await expect(served.client({ fetch }).inclusion(leafIndex(0))).rejects.toMatchObject({
      code: 'malformed_answer',
    });
  });
});

test('CLIENT-6 a receipt that was kept as JSON is read and verified again', async () => {
  const served = await servedLog(3);
  const { formatReceipt } = await import('../../src/core/proof/receipt.ts');
  const { receipt } = await served.client().inclusion(leafIndex(1));
  const kept = parseReceipt(JSON.parse(formatReceipt(receipt)));
  expect(kept).toEqual(receipt);
  expect(await served.client().verify(kept, { entry: bytesOf('entry 1') })).toMatchObject({ size: 3 });
});
