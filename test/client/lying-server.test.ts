import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LogClient } from '../../src/client/log-client.ts';
import { memoryMarks } from '../../src/client/mark.ts';
import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import {
  COSIGNATURE_V1,
  computeKeyId,
  formatVerifierKey,
  parseVerifierKey,
} from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import type { Receipt } from '../../src/core/proof/receipt.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import {
  bytesOf,
  entryTexts,
  forkedLogs,
  LOG_URL,
  lying,
  members,
  type ServedLog,
  servedLog,
} from '../support/served-logs.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

async function spoiledAt(honest: Response, at: number): Promise<Response> {
  return new Response(Buffer.from(flipped(new Uint8Array(await honest.arrayBuffer()), at)));
}

describe('CLIENT-6 one wrong byte and nothing is given out', () => {
  const zero = formatBase64(new Uint8Array(32));
  test.each<[string, string, (answer: Record<string, unknown>) => Record<string, unknown>, string]>([
    ['the root beside a receipt', '/entries', (answer) => ({ ...answer, rootHash: zero }), 'proof_mismatch'],
    ['the leaf hash of a receipt', '/entries', (answer) => ({ ...answer, leafHash: zero }), 'entry_mismatch'],
    ['the index of a receipt', '/entries', (answer) => ({ ...answer, index: 1 }), 'proof_mismatch'],
    ['the size of a receipt', '/entries', (answer) => ({ ...answer, treeSize: 3 }), 'proof_mismatch'],
    [
      'a receipt without proof',
      '/entries',
      (answer) => ({ ...answer, inclusionProof: [] }),
      'malformed_proof',
    ],
    [
      'the note of a receipt',
      '/entries',
      (answer) => ({ ...answer, checkpoint: `${answer['checkpoint']}`.replace('\n4\n', '\n5\n') }),
      'bad_signature',
    ],
  ])('%s', async (_, part, change, expected) => {
    const served = await servedLog(3);
    const client = served.client({ fetch: lying(served.fetch, part, members(change)) });
    await expect(client.append(bytesOf('mine'))).rejects.toEqual(code(expected));
  });

  test.each<[string, string, (answer: Record<string, unknown>) => Record<string, unknown>, string]>([
    ['a proof of another index', 'proofs', (answer) => ({ ...answer, index: 2 }), 'malformed_answer'],
    ['another leaf', 'proofs', (answer) => ({ ...answer, leafHash: zero }), 'proof_mismatch'],
    [
      'another sibling',
      'proofs',
      (answer) => ({ ...answer, inclusionProof: [zero, zero] }),
      'proof_mismatch',
    ],
    [
      'a proof too long',
      'proofs',
      (answer) => ({ ...answer, inclusionProof: [zero, zero, zero] }),
      'malformed_proof',
    ],
    ['no checkpoint', 'proofs', ({ checkpoint: _, ...answer }) => answer, 'malformed_answer'],
  ])('%s', async (_, part, change, expected) => {
    const served = await servedLog(3);
    const client = served.client({ fetch: lying(served.fetch, part, members(change)) });
    await expect(client.get(leafIndex(1))).rejects.toEqual(code(expected));
  });

  test('another entry', async () => {
    const served = await servedLog(3);
    const client = served.client({
      fetch: lying(served.fetch, 'entries/', (honest) => spoiledAt(honest, 0)),
    });
    await expect(client.get(leafIndex(1))).rejects.toEqual(code('entry_mismatch'));
  });

  test('the proof of another leaf under the name of this one', async () => {
    const served = await servedLog(4);
    const fetch = async (url: string, init: RequestInit) =>
      members((answer) => ({ ...answer, index: 1 }))(
        await served.fetch(url.replace('index=1', 'index=2'), init),
      );
    await expect(served.client({ fetch }).inclusion(leafIndex(1))).rejects.toEqual(code('proof_mismatch'));
  });

  test.each<[string, (answer: Record<string, unknown>) => Record<string, unknown>, string]>([
    ['indexes of others', (answer) => ({ ...answer, indexes: [0, 1] }), 'proof_mismatch'],
    ['one index for two entries', (answer) => ({ ...answer, indexes: [3, 3] }), 'entry_mismatch'],
    ['an index too few', (answer) => ({ ...answer, indexes: [3] }), 'malformed_answer'],
  ])('a batch with %s', async (_, change, expected) => {
    const served = await servedLog(3);
    const client = served.client({ fetch: lying(served.fetch, '/entries', members(change)) });
    await expect(client.appendBatch(['a', 'b'].map(bytesOf))).rejects.toEqual(code(expected));
  });

  test('a multi-proof with a wrong node', async () => {
    const served = await servedLog(4);
    const lie = members((answer) => ({ ...answer, nodes: [zero, zero] }));
    const client = served.client({ fetch: lying(served.fetch, 'multi', lie) });
    await expect(client.multi([leafIndex(0), leafIndex(2)])).rejects.toEqual(code('proof_mismatch'));
  });
});

describe('CLIENT-6 whom the client believes', () => {
  test('a key that is not the log’s', async () => {
    const served = await servedLog(1);
    const { vkey } = generateSigningKey(systemRandom, served.log.origin);
    const client = served.client({ trust: { vkey } });
    await expect(client.checkpoint()).rejects.toEqual(code('unverified_note'));
    await expect(client.append(bytesOf('mine'))).rejects.toEqual(code('unverified_note'));
  });

  test('another log', async () => {
    const served = await servedLog(1, { origin: 'other.example/main' });
    const { vkey } = generateSigningKey(systemRandom, 'log.example/main');
    await expect(served.client({ trust: { vkey } }).checkpoint()).rejects.toEqual(code('wrong_origin'));
  });

  test('a policy asks published heads for its quorum, receipts for the log’s signature', async () => {
    const served = await servedLog(1);
    const quorum = parsePolicy(`log ${served.vkey}\n${witnessLine()}quorum w\n`);
    const client = served.client({ trust: { policy: quorum, origin: served.log.origin } });
    await expect(client.checkpoint()).rejects.toEqual(code('policy_not_met'));
    expect((await client.append(bytesOf('mine'))).head.size).toBe(2);
    await expect(client.get(leafIndex(0))).rejects.toEqual(code('policy_not_met'));
    const none = parsePolicy(`log ${served.vkey}\nquorum none\n`);
    const trusting = served.client({ trust: { policy: none, origin: served.log.origin } });
    expect((await trusting.checkpoint()).checkpoint.size).toBe(2);
    expect(() => served.client({ trust: { policy: none, origin: 'other.example' } })).toThrow(TypeError);
  });
});

function witnessLine(): string {
  const { publicKey } = parseVerifierKey(generateSigningKey(systemRandom, 'witness.example').vkey);
  const key = { name: 'witness.example', type: COSIGNATURE_V1, publicKey };
  return `witness w ${formatVerifierKey({ ...key, keyId: computeKeyId(key.name, key.type, publicKey) })}\n`;
}

/** A client that talks to one of several servers, as if they were one. */
function switching(logs: readonly ServedLog[], options: { marks?: ReturnType<typeof memoryMarks> } = {}) {
  const now = { log: logs[0] as ServedLog };
  const client = now.log.client({ ...options, fetch: (url, init) => now.log.fetch(url, init) });
  const to = (i: number): void => {
    now.log = logs[i] as ServedLog;
  };
  return { client, to };
}

/** The error of a call that must fail, once its two notes proved to be signed by the log. */
async function evidence(
  served: ServedLog | undefined,
  work: Promise<unknown>,
): Promise<{ code: string; sizes: number[] }> {
  const error = await work.then(
    () => new Error('nothing was refused'),
    (thrown: { code: string; details: { keptNote: string; freshNote: string } }) => thrown,
  );
  if (error instanceof Error && !('code' in error)) throw error;
  const { code: name, details } = error as { code: string; details: { keptNote: string; freshNote: string } };
  const logVerifiers = [createNoteVerifier(served?.vkey ?? '', ed25519Verify)];
  const trust = { origin: served?.log.origin ?? '', logVerifiers };
  const notes = await Promise.all(
    [details.keptNote, details.freshNote].map((note) => verifyCheckpoint(note, trust)),
  );
  await expectConvicting(served, name, error as { details: { evidence?: string } });
  return { code: name, sizes: notes.map(({ size }) => size) };
}

/** EVIDENCE-7: every fork comes with a file that convicts the log, and nothing else does. */
async function expectConvicting(
  served: ServedLog | undefined,
  name: string,
  { details }: { details: { evidence?: string } },
): Promise<void> {
  if (name !== 'fork') return expect(details.evidence).toBeUndefined();
  const keys = [parseVerifierKey(served?.vkey ?? '')];
  const judged = judgeEvidence(portableHasher, parseEvidence(details.evidence ?? ''), {
    keys,
    ed25519: ed25519Verify,
  });
  await expect(judged).resolves.toMatchObject({ accused: 'log', origin: served?.log.origin });
}

describe('CLIENT-3 rollback and fork are refused with both notes', () => {
  test('a smaller published head is a rollback', async () => {
    const logs = await forkedLogs(3, [['a', 'b'], []]);
    const { client, to } = switching(logs);
    await client.checkpoint();
    to(1);
    expect(await evidence(logs[0], client.checkpoint())).toEqual({ code: 'rollback', sizes: [5, 3] });
    expect(await evidence(logs[0], client.get(leafIndex(0)))).toEqual({ code: 'rollback', sizes: [5, 3] });
    to(0);
    expect((await client.checkpoint()).checkpoint.size).toBe(5);
  });

  test.each([
    ['of the same size', [['a'], ['b']], [4, 4]],
    ['of a larger tree', [['a'], ['b', 'c']], [4, 5]],
    ['of a tree that was empty', [['a'], ['b', 'c']], [1, 2], 0],
  ])('another head %s is a fork', async (_, own, sizes, shared = 3) => {
    const logs = await forkedLogs(shared, own);
    const { client, to } = switching(logs);
    await client.checkpoint();
    to(1);
    expect(await evidence(logs[0], client.checkpoint())).toEqual({ code: 'fork', sizes });
    expect(await evidence(logs[0], client.append(bytesOf('d')))).toMatchObject({ code: 'fork' });
    expect(await evidence(logs[0], client.appendBatch([bytesOf('e')]))).toMatchObject({ code: 'fork' });
  });

  test('a receipt of another tree is a fork', async () => {
    const logs = await forkedLogs(3, [['a'], ['b']]);
    const foreign = await (logs[1] as ServedLog).client().inclusion(leafIndex(3));
    const { client } = switching(logs);
    await client.checkpoint();
    expect(await evidence(logs[0], client.verify(foreign.receipt))).toEqual({ code: 'fork', sizes: [4, 4] });
    expect(await evidence(logs[0], client.upgrade(foreign.receipt))).toMatchObject({ code: 'fork' });
  });

  test.each<[string, (reader: LogClient, receipt: Receipt) => Promise<unknown>, boolean]>([
    ['upgraded, though nothing else is known', (reader, receipt) => reader.upgrade(receipt), false],
    ['upgraded', (reader, receipt) => reader.upgrade(receipt), true],
    ['verified', (reader, receipt) => reader.verify(receipt), true],
  ])('a receipt whose leaf is another one under the head of today convicts where the log hides how both trees stand: %s', async (_, work, knows) => {
    const logs = await forkedLogs(3, [['a'], ['b', 'c']]);
    const today = logs[1] as ServedLog;
    const { receipt } = await (logs[0] as ServedLog).client().inclusion(leafIndex(3));
    const fetch = lying(today.fetch, 'proofs/consistency', () => new Response(null, { status: 404 }));
    const reader = today.client({ fetch });
    if (knows) await reader.checkpoint();
    const failed = work(reader, receipt);
    expect(await evidence(today, failed)).toEqual({ code: 'fork', sizes: [4, 5] });
    await expect(failed).rejects.toMatchObject({
      details: { evidence: expect.stringContaining('"two-leaves"') },
    });
  });

  test('a receipt of one leaf under two trees that the log does not connect convicts nobody', async () => {
    const logs = await forkedLogs(3, [['a'], ['b', 'c']]);
    const today = logs[1] as ServedLog;
    const { receipt } = await (logs[0] as ServedLog).client().inclusion(leafIndex(2));
    const fetch = lying(today.fetch, 'proofs/consistency', () => new Response(null, { status: 404 }));
    const reader = today.client({ fetch });
    await reader.checkpoint();
    await expect(reader.verify(receipt)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('an old head served again is a rollback, though the log still proves the new one', async () => {
    const served = await servedLog(3);
    const old = served.log.publishedHead.note;
    let isOld = false;
    const fetch = lying(served.fetch, '/checkpoint', (honest) => (isOld ? new Response(old) : honest));
    const client = served.client({ fetch });
    await served.append('a');
    await client.checkpoint();
    isOld = true;
    expect(await evidence(served, client.checkpoint())).toEqual({ code: 'rollback', sizes: [4, 3] });
  });

  test('a log that no longer knows what it gave a receipt for has been rolled back', async () => {
    const logs = await forkedLogs(3, [[], []]);
    const { client, to } = switching(logs);
    await client.append(bytesOf('a'));
    to(1);
    expect(await evidence(logs[0], client.checkpoint())).toEqual({ code: 'rollback', sizes: [4, 3] });
  });

  test('a wrong consistency proof is no fork, and is refused with both notes', async () => {
    const served = await servedLog(3);
    const zero = formatBase64(new Uint8Array(32));
    const lie = members((answer) => ({ ...answer, consistencyProof: [zero, zero, zero] }));
    const client = served.client({ fetch: lying(served.fetch, 'consistency', lie) });
    await client.checkpoint();
    await served.append('a');
    expect(await evidence(served, client.checkpoint())).toEqual({ code: 'proof_mismatch', sizes: [3, 4] });
  });

  test('without an answer there is no verdict, and nothing is remembered', async () => {
    const served = await servedLog(3);
    const marks = memoryMarks();
    const failing = lying(served.fetch, 'consistency', () => new Response('', { status: 502 }));
    const client = served.client({ fetch: failing, marks });
    await client.checkpoint();
    await served.append('a');
    await expect(client.checkpoint()).rejects.toEqual(code('unreachable'));
    expect(await marks.read(`${LOG_URL}/checkpoint`)).toContain('\n3\n');
    expect((await served.client({ marks }).checkpoint()).checkpoint.size).toBe(4);
  });

  test('a mark outlives the client', async () => {
    const logs = await forkedLogs(3, [['a'], ['b']]);
    const marks = memoryMarks();
    await switching(logs, { marks }).client.checkpoint();
    const { client, to } = switching(logs, { marks });
    to(1);
    expect(await evidence(logs[0], client.checkpoint())).toMatchObject({ code: 'fork' });
  });

  test('a kept note of another log is refused, not forgotten', async () => {
    const served = await servedLog(3);
    const marks = memoryMarks();
    await marks.write(`${LOG_URL}/checkpoint`, (await servedLog(9, { origin: 'x.example' })).log.head.note);
    await expect(served.client({ marks }).checkpoint()).rejects.toEqual(code('unverified_note'));
  });
});

describe('CLIENT-3 honest logs raise no alarm', () => {
  test('a published head smaller than a receipt is normal', async () => {
    const served = await servedLog(3);
    const old = served.log.publishedHead.note;
    const client = served.client({ fetch: lying(served.fetch, '/checkpoint', () => new Response(old)) });
    expect((await client.append(bytesOf('a'))).head.size).toBe(4);
    expect((await client.checkpoint()).checkpoint.size).toBe(3);
    expect((await client.append(bytesOf('b'))).head.size).toBe(5);
    expect((await client.checkpoint()).checkpoint.size).toBe(3);
  });

  test('answers that overtake one another are no rollback', async () => {
    const served = await servedLog(3);
    let arrive = (): void => undefined;
    let release = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const late = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isFirst = true;
    const fetch = async (url: string, init: RequestInit) => {
      const answer = await served.fetch(url, init);
      if (!isFirst) return answer;
      isFirst = false;
      arrive();
      await late;
      return answer;
    };
    const marks = memoryMarks();
    const client = served.client({ fetch, marks });
    const slow = client.checkpoint();
    await arrived;
    await served.append('a');
    expect((await client.checkpoint()).checkpoint.size).toBe(4);
    release();
    expect((await slow).checkpoint.size).toBe(3);
    expect(await marks.read(`${LOG_URL}/checkpoint`)).toContain('\n4\n');
    expect((await client.checkpoint()).checkpoint.size).toBe(4);
  });

  test('receipts of many calls at once, in any order', async () => {
    const served = await servedLog(3);
    const client = served.client();
    const appended = await Promise.all(entryTexts(0, 40).map((text) => client.append(bytesOf(text))));
    expect(new Set(appended.map(({ receipt }) => receipt.index)).size).toBe(40);
    expect((await client.checkpoint()).checkpoint.size).toBe(43);
  });
});

describe('CLIENT-8 no entry of a tree that was not signed is given out', () => {
  const size = 256 * 3 + 10;
  test.each<[string, string, number, string]>([
    ['a full bundle', 'tile/entries/001', 5, 'entry_mismatch'],
    ['the partial bundle', 'tile/entries/003.p/', 5, 'entry_mismatch'],
    ['the edge of level 0', 'tile/0/003.p/', 0, 'proof_mismatch'],
    ['the edge of level 1', 'tile/1/000.p/', 0, 'proof_mismatch'],
  ])('%s spoiled', async (_, part, at, expected) => {
    const served = await servedLog(size);
    const client = served.client({ fetch: lying(served.fetch, part, (honest) => spoiledAt(honest, at)) });
    const given: number[] = [];
    const read = async () => {
      for await (const { index } of client.entries()) given.push(index);
    };
    await expect(read()).rejects.toEqual(code(expected));
    expect(given.length).toBe(part.includes('/001') ? 256 : part.includes('entries/003') ? 768 : 0);
  });

  test.each([
    ['a truncated tile', 'tile/0/003.p/', (bytes: Uint8Array) => bytes.slice(0, -32)],
    ['an empty tile', 'tile/1/', () => new Uint8Array(0)],
    ['a tile too long', 'tile/1/', (bytes: Uint8Array) => Buffer.concat([bytes, bytes])],
    ['a truncated bundle', 'tile/entries/000', (bytes: Uint8Array) => bytes.slice(0, -1)],
    [
      'a bundle with an entry too many',
      'tile/entries/000',
      (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(2)]),
    ],
  ])('%s', async (_, part, change) => {
    const served = await servedLog(size);
    const lie = async (honest: Response) =>
      new Response(Buffer.from(change(new Uint8Array(await honest.arrayBuffer()))));
    const client = served.client({ fetch: lying(served.fetch, part, lie) });
    await expect(client.entries().next()).rejects.toEqual(code('malformed_answer'));
  });

  test('a full tile of level 1 spoiled', async () => {
    const served = await servedLog(0);
    for (let start = 0; start < 65_536 + 256; start += 4_096) {
      await served.append(...entryTexts(start, Math.min(start + 4_096, 65_536 + 256)));
    }
    const client = served.client({
      fetch: lying(served.fetch, 'tile/1/000', (honest) => spoiledAt(honest, 40)),
    });
    const head = (await client.checkpoint()).checkpoint;
    await expect(client.entries({ head }).next()).rejects.toEqual(code('proof_mismatch'));
    const honest = served.client().entries({ head, start: 65_530, end: 65_540 });
    const read: number[] = [];
    for await (const { index } of honest) read.push(index);
    expect(read).toHaveLength(10);
  });

  test('a bundle gone', async () => {
    const served = await servedLog(3);
    const gone = lying(served.fetch, 'tile/entries/', () => new Response('', { status: 404 }));
    await expect(served.client({ fetch: gone }).entries().next()).rejects.toEqual(code('not_found'));
  });

  test('a checkpoint of a size the log never had tiles for', async () => {
    const served = await servedLog(3);
    const { checkpoint } = await served.client().checkpoint();
    const head = { ...checkpoint, size: treeSize(5) };
    await expect(served.client().entries({ head }).next()).rejects.toEqual(code('not_found'));
  });
});

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs/main`;
}

describe('CLIENT-1 a server that wants our time, memory or token', () => {
  test.each<[string, RequestListener, string]>([
    ['drips', (_, response) => void drip(response), 'unreachable'],
    ['never answers', () => undefined, 'unreachable'],
    ['sends without end', (_, response) => void flood(response), 'malformed_answer'],
    [
      'breaks off',
      (_, response) =>
        void response.writeHead(200, { 'Content-Length': '9' }).end('note', () => response.destroy()),
      'unreachable',
    ],
  ])('%s', async (_, answer, expected) => {
    const served = await servedLog(1);
    const { fetch } = globalThis;
    const client = served.client({ logUrl: await listening(answer), fetch, timeoutMs: 200, triesMax: 1 });
    await expect(client.checkpoint()).rejects.toEqual(code(expected));
  });

  test('redirects to another server', async () => {
    const seen: unknown[] = [];
    const target = await listening((request, response) => {
      seen.push(request.headers.authorization);
      response.end('');
    });
    const logUrl = await listening((_, response) => void response.writeHead(307, { Location: target }).end());
    const served = await servedLog(1);
    const client = served.client({ logUrl, fetch: globalThis.fetch, triesMax: 1 });
    await expect(client.append(bytesOf('mine'))).rejects.toEqual(code('unreachable'));
    expect(seen).toEqual([]);
  });
});

function drip(response: Parameters<RequestListener>[1]): void {
  const timer = setInterval(() => response.write('n'), 20);
  response.on('close', () => clearInterval(timer));
}

function flood(response: Parameters<RequestListener>[1]): void {
  const chunk = Buffer.alloc(65_536, 'n');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk)) {}
  };
  response.on('drain', more);
  more();
}
