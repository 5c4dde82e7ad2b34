import { decode } from 'cborg';
import { expect, test } from 'vitest';
import { verifyInclusion } from '../../src/core/merkle/inclusion.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { parseTlogProof, verifyTlogProof } from '../../src/core/proof/tlog-proof.ts';
import { encodeBundle } from '../../src/core/tile/bundle.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { newServer } from './new-server.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64');
const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text));
const LINES = 'application/x-ndjson';
const BUNDLE = 'application/vnd.stele.entry-bundle';

test('HTTP-5 one entry: 201 with a receipt that a client can verify', async () => {
  const { app, log, post } = await newServer();
  for (const i of [0, 1, 2]) {
    const answer = await post('entries', `entry ${i}`);
    expect(answer.status).toBe(201);
    const receipt = await answer.json();
    expect(receipt).toMatchObject({ index: i, treeSize: i + 1 });
    const logVerifiers = [createNoteVerifier(log.vkeys[0] ?? '', ed25519Verify)];
    const checkpoint = await verifyCheckpoint(receipt.checkpoint, { origin: log.origin, logVerifiers });
    expect([checkpoint.size, Buffer.from(checkpoint.rootHash).toString('base64')]).toEqual([
      receipt.treeSize,
      receipt.rootHash,
    ]);
    verifyInclusion(nodeHasher, {
      index: leafIndex(i),
      size: treeSize(receipt.treeSize),
      leafHash: nodeHasher.leafHash(utf8(`entry ${i}`)),
      proof: receipt.inclusionProof.map(bytesOf),
      root: checkpoint.rootHash,
    });
  }
  const entry = await app.request('/logs/main/entries/1');
  expect([await entry.text(), entry.headers.get('content-disposition')]).toEqual(['entry 1', 'attachment']);
  const checkpoint = await app.request('/logs/main/checkpoint');
  expect(await checkpoint.text()).toBe(log.head.note);
});

test('HTTP-6, HTTP-7 batches as lines and as a bundle, and /add', async () => {
  const { log, post } = await newServer();
  const lines = await post('entries', 'a\nb\r\nc', { 'content-type': LINES });
  expect(lines.status).toBe(201);
  expect(await lines.json()).toEqual({
    indexes: [0, 1, 2],
    new: [true, true, true],
    treeSize: 3,
    rootHash: Buffer.from(log.head.rootHash).toString('base64'),
    checkpoint: log.head.note,
  });
  const bundle = await post('entries', encodeBundle([utf8('d'), utf8('')]), { 'content-type': BUNDLE });
  expect([bundle.status, (await bundle.json()).indexes]).toEqual([201, [3, 4]]);
  const add = await post('add', 'f', { 'content-type': 'text/whatever' });
  expect([add.status, await add.text()]).toEqual([200, '5']);
  const entries = await log.readEntries(leafIndex(0), treeSize(6));
  expect(entries.map((entry) => Buffer.from(entry).toString())).toEqual(['a', 'b\r', 'c', 'd', '', 'f']);
});

test('HTTP-9 the same Idempotency-Key answers as before, with other content it is refused', async () => {
  const { log, post } = await newServer();
  const key = { 'idempotency-key': 'k-1' };
  expect((await post('entries', 'once', key)).status).toBe(201);
  await post('entries', 'between');
  const again = await post('entries', 'once', key);
  expect([again.status, await again.json()]).toMatchObject([200, { index: 0, treeSize: 2 }]);
  const other = await post('entries', 'other', key);
  expect([other.status, (await other.json()).code]).toEqual([422, 'idempotency_key_reused']);
  const batch = { ...key, 'idempotency-key': 'k-2', 'content-type': LINES };
  expect((await post('entries', 'x\nx', batch)).status).toBe(201);
  const repeated = await post('entries', 'x\nx', batch);
  expect([repeated.status, await repeated.json()]).toMatchObject([
    200,
    { indexes: [2, 3], new: [false, false] },
  ]);
  expect(log.head.size).toBe(4);
});

test.each([
  ['a line is empty', 'a\n\nb', { 'content-type': LINES }, 400, 'empty_line'],
  ['the body is compressed', 'x', { 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
  [
    'the type is that of a form',
    'x',
    { 'content-type': 'multipart/form-data' },
    415,
    'unsupported_media_type',
  ],
  ['nothing is sent', '', { 'content-type': LINES }, 400, 'empty_batch'],
  ['a line is long', `a\n${'x'.repeat(65_536)}`, { 'content-type': LINES }, 413, 'entry_too_large'],
  ['there are 4,097 lines', 'x\n'.repeat(4_097), { 'content-type': LINES }, 413, 'batch_too_large'],
  ['a bundle is cut off', '\0\x01a\0\x02b', { 'content-type': BUNDLE }, 400, 'malformed_bundle'],
  ['an entry is long', 'x'.repeat(65_536), {}, 413, 'entry_too_large'],
  ['the key has a space', 'x', { 'idempotency-key': 'a b' }, 400, 'invalid_idempotency_key'],
  ['the token is another', 'x', { authorization: 'Bearer x' }, 401, 'unauthorized'],
])('HTTP-8 the tree stays as it is when %s', async (_, body, headers, status, code) => {
  const { log, post } = await newServer();
  await post('entries', 'first');
  const before = log.head;
  const answer = await post('entries', body, headers as Record<string, string>);
  expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  expect(log.head).toEqual(before);
});

test('HTTP-10 an events log takes no raw bytes', async () => {
  const { log, post } = await newServer({ kind: 'events' });
  for (const path of ['entries', 'add']) {
    const answer = await post(path, 'x');
    expect([answer.status, (await answer.json()).code]).toEqual([409, 'wrong_log_kind']);
  }
  expect(log.head.size).toBe(0);
});

test('HTTP-19 receipts and batch answers come as CBOR', async () => {
  const { log, post } = await newServer();
  const accept = { accept: 'application/cbor' };
  const single = await post('entries', 'a', accept);
  expect([single.status, single.headers.get('content-type')]).toEqual([201, 'application/cbor']);
  const leafHash = Uint8Array.from(nodeHasher.leafHash(utf8('a')));
  const receipt = { index: 0, leafHash, treeSize: 1, rootHash: leafHash, inclusionProof: [] };
  expect(decode(new Uint8Array(await single.arrayBuffer()))).toEqual({
    ...receipt,
    checkpoint: log.head.note,
  });
  const batch = await post('entries', 'b\nc', { ...accept, 'content-type': LINES });
  expect(decode(new Uint8Array(await batch.arrayBuffer()))).toEqual({
    indexes: [1, 2],
    new: [true, true],
    treeSize: 3,
    rootHash: Uint8Array.from(log.head.rootHash),
    checkpoint: log.head.note,
  });
});

test('HTTP-12 a receipt comes as .tlog-proof text where that is asked for, also when repeated', async () => {
  const { log, post } = await newServer();
  await post('entries', 'before');
  const headers = { accept: 'text/plain', 'idempotency-key': 'k' };
  for (const status of [201, 200]) {
    const answer = await post('entries', 'a', headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      status,
      'text/plain; charset=utf-8',
    ]);
    const policy = parsePolicy(`log ${log.vkeys[0]}\nquorum none\n`);
    const leafHash = nodeHasher.leafHash(utf8('a'));
    const trust = { leafHash, policy, ed25519: ed25519Verify };
    const proven = await verifyTlogProof(nodeHasher, parseTlogProof(await answer.text()), trust);
    expect([proven.index, proven.checkpoint.size]).toEqual([1, log.head.size]);
    await post('entries', 'between');
  }
});

test('HTTP-6 a line that is too long is named', async () => {
  const { post } = await newServer();
  const body = `a\n${'x'.repeat(65_536)}\n`;
  expect(await (await post('entries', body, { 'content-type': LINES })).json()).toMatchObject({ line: 2 });
});

test('HTTP-18 what came of appends is counted, with codes as outcomes', async () => {
  const { app, post } = await newServer();
  const key = { 'idempotency-key': 'k' };
  for (const body of ['a', 'a', 'b']) await post('entries', body, key);
  await post('entries', 'x'.repeat(65_536));
  const text = await (await app.request('/metrics')).text();
  for (const outcome of ['new', 'repeated', 'idempotency_key_reused', 'entry_too_large'])
    expect(text).toContain(`stele_log_appends_total{log="main",outcome="${outcome}"} 1\n`);
});

test('HTTP-3 a full queue is a 503 that says when to come back, and nothing of the batch is done', async () => {
  const { app, log, post } = await newServer({}, { entriesMax: 2, bytesMax: 100, ageMaxMs: 60_000 });
  expect((await post('entries', 'a\nb', { 'content-type': LINES })).status).toBe(201);
  const answer = await post('entries', 'a\nb\nc', { 'content-type': LINES });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await answer.json()).code).toBe('queue_full');
  expect([log.head.size, log.status().queuedEntries]).toEqual([2, 0]);
  expect(await (await app.request('/metrics')).text()).toContain('outcome="queue_full"} 1');
});
