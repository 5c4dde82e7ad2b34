import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decode } from 'cborg';
import { expect, test, vi } from 'vitest';
import { verifyMultiProof } from '../../src/core/merkle/multi-proof.ts';
import { parseTlogProof } from '../../src/core/proof/tlog-proof.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../../src/core/units.ts';
import { startServer } from '../../src/http/server.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { newServer, type TestServer } from './new-server.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64');

/** A server whose log holds `0` to `149`, in one commit. */
async function filled(): Promise<TestServer> {
  const server = await newServer();
  const body = Array.from({ length: 150 }, (_, i) => `${i}`).join('\n');
  expect((await server.post('entries', body, { 'content-type': 'application/x-ndjson' })).status).toBe(201);
  return server;
}

test('HTTP-14 a page of entries, also across the chunks it is sent in', async () => {
  const { app } = await filled();
  const answer = await app.request('/logs/main/entries?start=5&end=150');
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  const rows = (await answer.text()).trimEnd().split('\n');
  const expected = Array.from({ length: 145 }, (_, i) => ({ index: i + 5, entry: btoa(`${i + 5}`) }));
  expect(rows.map((row) => JSON.parse(row))).toEqual(expected);
});

test('HTTP-14 a page that cannot be finished ends in a broken connection, not in other text, and is told in the log and nowhere else', async () => {
  const bad = new Error('a bad disk');
  const { app, log, bugs } = await filled();
  const readEntries = log.readEntries.bind(log);
  Object.defineProperty(log, 'readEntries', {
    value: (start: LeafIndex, end: TreeSize) => (start > 100 ? Promise.reject(bad) : readEntries(start, end)),
  });
  await using server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  const said = vi.spyOn(console, 'error').mockReturnValue();
  const asked = fetch(`http://127.0.0.1:${server.port}/logs/main/entries?start=0&end=150`);
  await expect(asked.then((answer) => answer.text())).rejects.toThrow();
  expect([bugs, said.mock.calls]).toEqual([[bad], []]);
  said.mockRestore();
});

test('HTTP-14 the event loop has a turn between two reads of a page, however fast its reader is', async () => {
  const { app, log } = await filled();
  const turns = countTurns();
  const read: number[] = [];
  const readEntries = log.readEntries.bind(log);
  Object.defineProperty(log, 'readEntries', {
    value: (start: LeafIndex, end: TreeSize) => {
      read.push(turns.count());
      return readEntries(start, end);
    },
  });
  await (await app.request('/logs/main/entries?start=0&end=150')).text();
  turns.stop();
  expect(read).toHaveLength(3);
  expect(new Set(read).size).toBe(3);
});

/** Counts the turns of the event loop from now on. */
function countTurns(): { count(): number; stop(): void } {
  let turns = 0;
  const again = (): void => {
    turns += 1;
    next = setImmediate(again);
  };
  let next = setImmediate(again);
  return { count: () => turns, stop: () => clearImmediate(next) };
}

test.each([
  ['entries/0', 'attachment'],
  ['tile/0/000.p/150', null],
  ['tile/entries/000.p/150', null],
])('HTTP-17 no browser shows %s', async (path, disposition) => {
  const { app } = await filled();
  const { headers } = await app.request(`/logs/main/${path}`);
  const names = ['content-type', 'x-content-type-options', 'content-disposition'];
  expect(names.map((name) => headers.get(name))).toEqual([
    'application/octet-stream',
    'nosniff',
    disposition,
  ]);
});

test('HTTP-11 an entry between the published head and the log head', async () => {
  const { app, log, post } = await filled();
  const published = log.head;
  await post('entries', 'not yet');
  Object.defineProperty(log, 'publishedHead', { get: () => published });
  const ask = async (path: string) => (await app.request(`/logs/main/proofs/${path}`)).json();
  const early = { status: 404, code: 'not_yet_published', treeSize: 151 };
  expect(await ask('inclusion?index=150')).toMatchObject(early);
  expect(await ask('multi?indexes=0,150')).toMatchObject(early);
  expect(await ask('inclusion?index=151')).toMatchObject({
    status: 404,
    code: 'beyond_log_head',
    treeSize: 151,
  });
  const asked = await ask('inclusion?index=150&treeSize=151');
  expect([asked.treeSize, 'checkpoint' in asked]).toEqual([151, false]);
  expect(await ask('inclusion?index=0')).toMatchObject({ treeSize: 150, checkpoint: published.note });
  expect(await ask('consistency?from=1')).toMatchObject({ toSize: 150, checkpoint: published.note });
  expect(await (await app.request('/logs/main/checkpoint')).text()).toBe(published.note);
  const tile = await app.request('/logs/main/tile/0/000.p/151');
  expect(tile.status).toBe(200);
  expect(await (await app.request('/logs/main/log')).json()).toMatchObject({
    treeSize: 151,
    publishedTreeSize: 150,
  });
});

test('HTTP-15 kept checkpoints from a size on', async () => {
  const { app, log } = await filled();
  const all = await (await app.request('/logs/main/checkpoints')).json();
  expect(all.treeSize).toBe(150);
  expect(all.checkpoints.at(-1)).toEqual({
    treeSize: 150,
    rootHash: Buffer.from(log.head.rootHash).toString('base64'),
    checkpoint: log.head.note,
  });
  const none = await (await app.request('/logs/main/checkpoints?from=151')).json();
  expect(none.checkpoints).toEqual([]);
});

test('HTTP-13 a multi-proof by query and by body, which verifies', async () => {
  const { app, log } = await filled();
  const byQuery = await (await app.request('/logs/main/proofs/multi?indexes=0,7,149')).json();
  const init = { method: 'POST', body: '{"indexes":[0,7,149],"treeSize":150}' };
  expect(await (await app.request('/logs/main/proofs/multi', init)).json()).toEqual(byQuery);
  const spaced = { method: 'POST', body: '\t{ "treeSize": 150,\r\n"indexes": [0, 7,149] }\n' };
  expect(await (await app.request('/logs/main/proofs/multi', spaced)).json()).toEqual(byQuery);
  expect(byQuery.checkpoint).toBe(log.head.note);
  verifyMultiProof(nodeHasher, {
    indexes: [0, 7, 149].map(leafIndex),
    leafHashes: ['0', '7', '149'].map((text) => nodeHasher.leafHash(Buffer.from(text))),
    size: treeSize(150),
    nodes: byQuery.nodes.map(bytesOf),
    root: log.head.rootHash,
  });
});

test.each([
  ['GET', 'entries', undefined, 400, 'invalid_parameter'],
  ['GET', 'entries?start=2&end=2', undefined, 400, 'invalid_parameter'],
  ['GET', 'entries?start=0&end=1001', undefined, 400, 'invalid_parameter'],
  ['GET', 'entries?start=0&end=151', undefined, 404, 'beyond_log_head'],
  ['GET', 'checkpoints?from=-1', undefined, 400, 'malformed_number'],
  ['GET', 'proofs/multi?indexes=', undefined, 400, 'malformed_number'],
  [
    'GET',
    `proofs/multi?indexes=${Array.from({ length: 501 }, (_, i) => i)}`,
    undefined,
    400,
    'invalid_parameter',
  ],
  ['GET', 'proofs/inclusion?index=1&index=2', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/inclusion?index=1&leafHash=00', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/inclusion?index=1&treesize=2', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/consistency?from=151', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/consistency?from=1&to=151', undefined, 404, 'beyond_log_head'],
  ['GET', 'proofs/multi?indexes=2,1', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/multi?indexes=1,1', undefined, 400, 'invalid_parameter'],
  ['GET', 'proofs/multi?indexes=150', undefined, 404, 'beyond_log_head'],
  ['GET', 'proofs/multi?indexes=5&treeSize=5', undefined, 400, 'invalid_parameter'],
  ['POST', 'proofs/multi', '{', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":["1"]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1],"size":2}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1.5]}', 400, 'malformed_number'],
  ['POST', 'proofs/multi', '{"indexes":[9007199254740992]}', 400, 'malformed_number'],
  ['POST', 'proofs/multi', '{"indexes":[9007199254740993]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1e2]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1.0]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[-0]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1],"treeSize":15e1}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"indexes":[1],"indexes":[2]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"treeSize":9,"indexes":[2],"treeSize":9}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', '{"\\u0069ndexes":[1]}', 400, 'invalid_json'],
  ['POST', 'proofs/multi', ' '.repeat(131_073), 413, 'body_too_large'],
])('HTTP-13 HTTP-14 HTTP-15 HTTP-24 refuses %s %s %#', async (method, path, body, status, code) => {
  const { app, bugs } = await filled();
  const answer = await app.request(`/logs/main/${path}`, body === undefined ? { method } : { method, body });
  expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  expect(bugs).toEqual([]);
});

test.each([
  ['/logs', 'GET, HEAD'],
  ['/logs/main/entries', 'GET, HEAD, POST'],
  ['/logs/main/add', 'POST'],
])('HTTP-2 405 on %s says which methods there are', async (path, allow) => {
  const { app } = await newServer();
  const answer = await app.request(path, { method: 'DELETE' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
});

test('HTTP-18 readiness and metrics', async () => {
  const { app, log } = await filled();
  expect((await app.request('/readyz')).status).toBe(200);
  const metrics = await (await app.request('/metrics')).text();
  for (const line of [
    'stele_log_tree_size{log="main"} 150',
    'stele_log_published_tree_size{log="main"} 150',
    'stele_log_queue_entries{log="main"} 0',
    'stele_log_queue_bytes{log="main"} 0',
    'stele_log_queue_age_seconds{log="main"} 0',
    'stele_log_entries_total{log="main"} 150',
    'stele_log_batch_entries_sum{log="main"} 150',
    'stele_log_batch_entries_count{log="main"} 1',
    'stele_log_appends_total{log="main",outcome="new"} 1',
    ...['plan', 'sync', 'check', 'sign', 'guard'].map(
      (step) => `stele_log_commit_seconds_count{log="main",step="${step}"} 1`,
    ),
  ])
    expect(metrics).toContain(`${line}\n`);
  expect(metrics).toMatch(/^stele_log_head_age_seconds\{log="main"\} [0-9.e-]+$/m);
  expect(metrics).toMatch(/^stele_log_disk_bytes\{log="main"\} [1-9][0-9]*$/m);
  expect(metrics).toContain('route="entries",method="POST",status="201"} 1');
  await log.close();
  const answer = await app.request('/readyz');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await answer.json()).toMatchObject({ code: 'log_closing', logs: ['main'] });
  expect((await app.request('/healthz')).status).toBe(200);
});

test('HTTP-3 our own bug is a 500 that tells nothing, and goes to onBug', async () => {
  const { app, log, bugs } = await filled();
  const bug = new RangeError('a slip');
  Object.defineProperty(log, 'keptHeads', { value: () => Promise.reject(bug) });
  const answer = await app.request('/logs/main/checkpoints');
  const problem = await answer.text();
  expect([answer.status, JSON.parse(problem).code, problem.includes('slip')]).toEqual([
    500,
    'internal',
    false,
  ]);
  expect(bugs).toEqual([bug]);
});

test.each([
  ['NONSENSE\r\n\r\n', 400, 'invalid_request'],
  [`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
])('HTTP-1 what is no request gets a problem too %#', async (request, status, code) => {
  const { app } = await newServer();
  await using server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  const socket = connect(server.port, '127.0.0.1');
  socket.write(request);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  expect(answer).toContain(`HTTP/1.1 ${status} `);
  expect(answer).toContain(`"code":"${code}"`);
});

test('HTTP-12 an inclusion proof as the text of a .tlog-proof file', async () => {
  const { app, log } = await filled();
  const path = '/logs/main/proofs/inclusion?index=3';
  const json = await (await app.request(path, { headers: { accept: '*/*' } })).json();
  const headers = { accept: 'text/plain' };
  const parsed = parseTlogProof(await (await app.request(path, { headers })).text());
  expect([parsed.index, parsed.note]).toEqual([3, log.head.note]);
  expect(parsed.proof.map((hash) => Buffer.from(hash).toString('base64'))).toEqual(json.inclusionProof);
  const unsigned = await app.request(`${path}&treeSize=100`, { headers });
  expect([unsigned.status, (await unsigned.json()).code]).toEqual([404, 'no_checkpoint_for_size']);
});

test('HTTP-16 a bundle comes as gzip where that is taken, with a tag of its own', async () => {
  const { app } = await filled();
  const path = '/logs/main/tile/entries/000.p/150';
  const plain = await app.request(path, { headers: { 'accept-encoding': 'gzip;q=0' } });
  const zipped = await app.request(path, { headers: { 'accept-encoding': 'br, gzip' } });
  expect([plain, zipped].map(({ headers }) => headers.get('content-encoding'))).toEqual([null, 'gzip']);
  const [bytes, packed] = [await plain.arrayBuffer(), await zipped.arrayBuffer()];
  expect(gunzipSync(packed)).toEqual(Buffer.from(bytes));
  const tag = zipped.headers.get('etag') ?? '';
  expect(plain.headers.get('etag')).not.toBe(tag);
  const again = { 'accept-encoding': 'gzip', 'if-none-match': tag };
  expect((await app.request(path, { headers: again })).status).toBe(304);
});

test.each([
  'proofs/inclusion?index=3',
  'proofs/consistency?from=7',
  'proofs/multi?indexes=0,7',
  'log',
])('HTTP-19 %s comes as CBOR with the members of its JSON', async (path) => {
  const { app } = await filled();
  const json = await (await app.request(`/logs/main/${path}`)).text();
  const answer = await app.request(`/logs/main/${path}`, { headers: { accept: 'application/cbor' } });
  expect(answer.headers.get('content-type')).toBe('application/cbor');
  const decoded: unknown = decode(new Uint8Array(await answer.arrayBuffer()));
  const text = JSON.stringify(decoded, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
  expect(JSON.parse(text)).toEqual(JSON.parse(json));
});

test('HTTP-21 /log tells what the log is, its two heads and its limits', async () => {
  const { app, log } = await filled();
  expect(await (await app.request('/logs/main/log')).json()).toEqual({
    name: 'main',
    kind: 'entries',
    origin: 'log.example/main',
    vkeys: log.vkeys,
    duplicates: 'key',
    leafHashIndex: true,
    reads: 'public',
    treeSize: 150,
    publishedTreeSize: 150,
    limits: {
      entryBytes: 65_535,
      batchEntries: 4_096,
      batchBytes: 8_388_608,
      pageEntries: 1_000,
      multiProofIndexes: 4_096,
      multiProofQueryIndexes: 500,
    },
  });
});

test.each([
  'checkpoint',
  'checkpoints',
  'tile/0/000.p/150',
  'tile/entries/000.p/150',
  'entries/0',
  'entries?start=0&end=150',
  'proofs/inclusion?index=0',
  'proofs/consistency?from=1',
  'proofs/multi?indexes=0,1',
  'log',
])('HTTP-22 HEAD %s has the status and headers of GET, and no body', async (path) => {
  const { app } = await filled();
  const [head, get] = await Promise.all([
    app.request(`/logs/main/${path}`, { method: 'HEAD' }),
    app.request(`/logs/main/${path}`),
  ]);
  expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
  expect([...head.headers]).toEqual([...get.headers]);
});

test('HTTP-22 HEAD of what is not there is 404', async () => {
  const { app } = await filled();
  expect((await app.request('/logs/main/entries/150', { method: 'HEAD' })).status).toBe(404);
});

test.each([
  ['checkpoint', 'no-cache'],
  ['tile/0/000.p/150', 'public, max-age=31536000, immutable'],
])('HTTP-16 %s is 304 for whoever has it', async (path, cacheControl) => {
  const { app, post } = await filled();
  const ask = (tag: string) => app.request(`/logs/main/${path}`, { headers: { 'if-none-match': tag } });
  const tag = (await app.request(`/logs/main/${path}`)).headers.get('etag') ?? '';
  for (const header of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    const answer = await ask(header);
    expect([answer.status, answer.headers.get('etag'), answer.headers.get('cache-control')]).toEqual([
      304,
      tag,
      cacheControl,
    ]);
  }
  expect((await ask('"other"')).status).toBe(200);
  await post('entries', 'more');
  expect((await ask(tag)).status).toBe(path === 'checkpoint' ? 200 : 304);
});

test('HTTP-16 a tile that is not there yet is not cached', async () => {
  const { app } = await filled();
  const answer = await app.request('/logs/main/tile/0/000.p/151');
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store']);
});
