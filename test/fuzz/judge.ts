import { gunzipSync } from 'node:zlib';
import * as core from '../../src/core/core.ts';
import { decodeCbor } from '../../src/core/encoding/cbor.ts';
import { STATUS_OF_KIND } from '../../src/http/problem.ts';
import { type FuzzServer, ORIGIN } from './fuzz-server.ts';
import { judgeAppend } from './judge-append.ts';
import type { RawAnswer, RawRequest } from './raw-client.ts';

/** What must hold of every answer. @throws Error that says what does not */
export async function judge(server: FuzzServer, request: RawRequest, answer: RawAnswer): Promise<void> {
  expectNoBug(server);
  if (answer.status >= 400) judgeRefusal(request, answer);
  else if (request.method === 'POST' && /\/(entries|add)(\?|$)/.test(request.target))
    await judgeAppend(server, request, answer);
  else if (answer.status === 304)
    expectSame('a 304 without If-None-Match', named(request, 'if-none-match'), true);
  else if (request.method !== 'HEAD') await judgeRead(server, request, answer);
  judgeTree(server);
}

export function expectNoBug({ bugs }: FuzzServer): void {
  if (bugs.length > 0) throw new Error('the server met a bug', { cause: bugs.splice(0)[0] });
}

/** The log has the entries that it must have, and no others. */
export function judgeTree({ log, model }: FuzzServer): void {
  expectSame('the size of the tree', log.head.size, model.size);
  expectSame('the root of the tree', hex(log.head.rootHash), hex(model.rootHash(model.size)));
}

export function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}, not ${String(expected)}`);
}

function named(request: RawRequest, name: string): boolean {
  return request.headers.some(([header]) => header.toLowerCase() === name);
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A refusal is a problem of the error table, and nothing here is at fault. */
export function judgeRefusal({ method }: RawRequest, { status, headers, body }: RawAnswer): void {
  expectSame('the type of a refusal', headers.get('content-type'), 'application/problem+json');
  if (method === 'HEAD') return;
  const problem = JSON.parse(body.toString());
  const row = Object.entries(core.ERROR_CODES).find(([code]) => code === problem.code);
  if (row === undefined) throw new Error(`no code of the table: ${body}`);
  expectSame('the status in the body', problem.status, status);
  expectSame('the status of the code', STATUS_OF_KIND[row[1].kind], status);
  if (status >= 500 || status === 408) throw new Error(`nothing here is ${status}: ${body}`);
}

/** Members of an answer, of any kind: what is wrong with them shows where they are compared. */
// biome-ignore lint/suspicious/noExplicitAny: an answer is what is being tested
export type Fields = Readonly<Record<string, any>>;

/** Members of an answer in JSON or CBOR, whichever it says it is. */
export function fieldsOf({ headers, body }: RawAnswer): Fields {
  const isCbor = headers.get('content-type') === 'application/cbor';
  return (isCbor ? decodeCbor(body) : JSON.parse(body.toString())) as Fields;
}

export function bytesIn(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? Uint8Array.from(value) : core.parseBase64(value as string);
}

/** A signed note of the log: of which size, with the root that the entries make. */
export async function judgeNote({ verifier, model }: FuzzServer, note: string): Promise<number> {
  const { size, rootHash } = await core.verifyCheckpoint(note, { origin: ORIGIN, logVerifiers: [verifier] });
  expectSame('the signed root', hex(rootHash), hex(model.rootHash(size)));
  return size;
}

type Judge = (server: FuzzServer, query: URLSearchParams, answer: RawAnswer) => void | Promise<void>;

async function judgeRead(server: FuzzServer, { target }: RawRequest, answer: RawAnswer): Promise<void> {
  expectSame('the status of a read', answer.status, 200);
  const [path = '', query = ''] = target.split('?');
  const rest = path.replace(/^\/logs\/main\//, '');
  if (rest.startsWith('tile/')) return judgeTile(server, rest, answer);
  const one = /^entries\/(\d+)$/.exec(rest)?.[1];
  if (one !== undefined)
    return expectSame('the entry', hex(answer.body), hex(server.model.entries[Number(one)] ?? ALL));
  const judgeOne = READS[rest];
  if (judgeOne === undefined) throw new Error(`nobody expected an answer to ${target}`);
  await judgeOne(server, new URLSearchParams(query), answer);
}

const ALL = Buffer.from('no such entry');

function judgeTile({ model }: FuzzServer, path: string, { headers, body }: RawAnswer): void {
  const bytes = headers.get('content-encoding') === 'gzip' ? gunzipSync(body) : body;
  if (!path.startsWith('tile/entries/')) {
    const { level, index, width } = core.parseTilePath(path);
    expectSame('the tile', hex(bytes), hex(model.tile(level, index, width)));
    return;
  }
  const { index, width } = core.parseBundlePath(path);
  const entries = model.entries.slice(index * 256, index * 256 + width);
  expectSame('the bundle', hex(bytes), hex(core.encodeBundle(entries)));
}

/** The size asked for, else that of the head; where it is the head's, the checkpoint is there. */
async function judgeSize(
  server: FuzzServer,
  asked: string | null,
  fields: Fields,
  name: string,
): Promise<number> {
  const size = asked === null ? server.model.size : Number(asked);
  expectSame(name, fields[name], size);
  const note: string | undefined = fields['checkpoint'];
  expectSame('whether there is a checkpoint', note !== undefined, size === server.model.size);
  if (note !== undefined) expectSame('its size', await judgeNote(server, note), size);
  return size;
}

const inclusion: Judge = async (server, query, answer) => {
  const { model } = server;
  const leafHash = query.get('leafHash');
  const index =
    leafHash === null
      ? Number(query.get('index'))
      : model.leafHashes.findIndex((hash) => hex(hash) === leafHash);
  const leaf = model.leafHashes[index] ?? ALL;
  if (answer.headers.get('content-type')?.startsWith('text/plain')) {
    const { proof, note, index: named } = core.parseTlogProof(answer.body.toString());
    const size = core.treeSize(await judgeNote(server, note));
    expectSame('the index', named, index);
    return core.verifyInclusion(core.portableHasher, {
      index: named,
      size,
      leafHash: leaf,
      proof,
      root: model.rootHash(size),
    });
  }
  const fields = fieldsOf(answer);
  const size = core.treeSize(await judgeSize(server, query.get('treeSize'), fields, 'treeSize'));
  expectSame('the leaf hash', hex(bytesIn(fields['leafHash'])), hex(leaf));
  expectSame('the root', hex(bytesIn(fields['rootHash'])), hex(model.rootHash(size)));
  const proof = (fields['inclusionProof'] as unknown[]).map(bytesIn);
  core.verifyInclusion(core.portableHasher, {
    ...{ index: core.leafIndex(index), size, leafHash: leaf, proof, root: model.rootHash(size) },
  });
};

const consistency: Judge = async (server, query, answer) => {
  const fields = fieldsOf(answer);
  const oldSize = core.treeSize(Number(query.get('from')));
  const newSize = core.treeSize(await judgeSize(server, query.get('to'), fields, 'toSize'));
  expectSame('the old root', hex(bytesIn(fields['fromRootHash'])), hex(server.model.rootHash(oldSize)));
  expectSame('the new root', hex(bytesIn(fields['toRootHash'])), hex(server.model.rootHash(newSize)));
  core.verifyConsistency(core.portableHasher, {
    ...{ oldSize, newSize, oldRoot: server.model.rootHash(oldSize), newRoot: server.model.rootHash(newSize) },
    proof: (fields['consistencyProof'] as unknown[]).map(bytesIn),
  });
};

const multi: Judge = async (server, query, answer) => {
  const fields = fieldsOf(answer);
  const indexes = fields['indexes'] as number[];
  const asked = query.get('indexes');
  if (asked !== null) expectSame('the indexes', `${indexes}`, asked);
  const size = core.treeSize(fields['treeSize']);
  const leafHashes = indexes.map((index) => server.model.leafHashes[index] ?? ALL);
  expectSame(
    'the leaf hashes',
    fields['leafHashes'].map((hash: unknown) => hex(bytesIn(hash))).join(),
    leafHashes.map(hex).join(),
  );
  const nodes = (fields['nodes'] as unknown[]).map(bytesIn);
  core.verifyMultiProof(core.portableHasher, {
    ...{ indexes: indexes.map(core.leafIndex), leafHashes, size, nodes, root: server.model.rootHash(size) },
  });
};

const page: Judge = ({ model }, query, { body }) => {
  const start = Number(query.get('start'));
  const expected = model.entries
    .slice(start, Number(query.get('end')))
    .map((entry, i) => `{"index":${start + i},"entry":"${Buffer.from(entry).toString('base64')}"}\n`);
  expectSame('the page', body.toString(), expected.join(''));
};

const READS: Readonly<Record<string, Judge>> = {
  '/healthz': (_, __, answer) => expectSame('the status', fieldsOf(answer)['status'], 'ok'),
  '/readyz': (_, __, answer) => expectSame('the status', fieldsOf(answer)['status'], 'ready'),
  '/metrics': (_, __, { body }) => expectSame('metrics', body.includes('stele_log_appends_total'), true),
  '/logs': (_, __, answer) => expectSame('the logs', `${fieldsOf(answer)['logs']}`, 'main'),
  log: ({ model }, _, answer) => expectSame('the size', fieldsOf(answer)['treeSize'], model.size),
  audit: (_, __, answer) => expectSame('whether it signs', fieldsOf(answer)['signs'], true),
  backup: ({ model }, _, answer) => expectSame('the size', fieldsOf(answer)['treeSize'], model.size),
  'backup/events': (_, __, answer) => expectSame('ids', `${fieldsOf(answer)['rows']}`, ''),
  'backup/payloads': (_, __, answer) => expectSame('payloads', `${fieldsOf(answer)['payloads']}`, ''),
  'backup/seeds': (_, __, answer) => expectSame('seeds', `${fieldsOf(answer)['seeds']}`, ''),
  'backup/retries': (_, query, answer) => {
    for (const { firstIndex, count } of fieldsOf(answer)['retries'] as {
      firstIndex: number;
      count: number;
    }[])
      expectSame(
        'within',
        firstIndex >= Number(query.get('from')) && firstIndex + count <= Number(query.get('to')),
        true,
      );
  },
  checkpoint: async (server, _, { body }) =>
    expectSame('the size', await judgeNote(server, body.toString()), server.model.size),
  checkpoints: async (server, query, answer) => {
    for (const { treeSize, checkpoint } of fieldsOf(answer)['checkpoints'] as {
      treeSize: number;
      checkpoint: string;
    }[]) {
      expectSame('the size', await judgeNote(server, checkpoint), treeSize);
      expectSame('from its size on', treeSize >= Number(query.get('from') ?? 0), true);
    }
  },
  entries: page,
  'proofs/inclusion': inclusion,
  'proofs/consistency': consistency,
  'proofs/multi': multi,
};
