import { createHash } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import { parseBundlePath, parseTilePath } from '../core/tile/path.ts';
import { type LeafIndex, parseLeafIndex, parseTreeSize, type TreeSize } from '../core/units.ts';
import type { AppendRequest, Log, SignedHead } from '../sequencer/log.ts';
import { BATCH_BYTES_MAX, splitBundle, splitLines } from './batch.ts';
import { readBody } from './body.ts';
import { problemResponse } from './problem.ts';
import { authorize, type KnownToken, type Scope, type TokenSource } from './tokens.ts';

/** What the server serves and how it knows who may. */
export interface AppDeps {
  readonly logs: { names(): string[]; get(name: string): Promise<Log | undefined> };
  readonly tokens: TokenSource;
  readonly clock: { nowMs(): number };
  /** Whether reading needs a token with scope `read`. */
  readonly reads: 'public' | 'token';
}

const BUNDLE_TYPE = 'application/vnd.stele.entry-bundle';
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const base64All = (list: readonly Uint8Array[]): string[] => list.map(base64);

/** The HTTP interface of spec/http.md. Every answer that is not 2xx or 304 is problem+json. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  app.onError(problemResponse);
  app.notFound(() => problemResponse(new TlogError('not_found', 'there is no such route')));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/logs', (c) => c.json({ logs: deps.logs.names() }));
  const logOf = async (c: Context, scope: Scope): Promise<{ log: Log; token: KnownToken | undefined }> => {
    const name = c.req.param('log') ?? '';
    const authorization = c.req.header('authorization');
    const isOpen = scope === 'read' && deps.reads === 'public';
    const access = { authorization, scope, log: name, nowMs: deps.clock.nowMs() };
    const token = isOpen ? undefined : await authorize(deps.tokens, access);
    const log = await deps.logs.get(name);
    if (log === undefined) throw new TlogError('unknown_log', 'there is no log of this name');
    return { log, token };
  };
  const read = (path: string, answer: (c: Context, log: Log) => Promise<Response>): void => {
    app.get(`/logs/:log/${path}`, async (c) => answer(c, (await logOf(c, 'read')).log));
  };
  read('checkpoint', async (_, log) => text(log.publishedHead.note));
  read('tile/*', tile);
  read('entries/:index', oneEntry);
  read('proofs/inclusion', inclusion);
  read('proofs/consistency', consistency);
  read('log', async (c, { name, kind, origin, vkeys, duplicates, leafHashIndex, head }) =>
    c.json({ name, kind, origin, vkeys, duplicates, leafHashIndex, treeSize: head.size }),
  );
  for (const path of ['entries', 'add'] as const) {
    app.post(`/logs/:log/${path}`, async (c) => {
      const { log, token } = await logOf(c, 'append');
      if (log.kind === 'events') throw new TlogError('wrong_log_kind', 'this log takes events only');
      return append(c, log, token?.id ?? '', path === 'add');
    });
  }
  const known = /^\/(healthz|logs|logs\/[^/]+\/(checkpoint|tile\/.+|entries(\/[^/]+)?|add|log|proofs\/\w+))$/;
  app.all('*', (c) => {
    const isKnown = known.test(c.req.path);
    throw new TlogError(isKnown ? 'method_not_allowed' : 'not_found', `no ${c.req.method} on this path`);
  });
  return app;
}

function text(body: string): Response {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache' };
  return new Response(body, { headers });
}

/** The request's path as it came; new URL() would have resolved `%2e%2e`. */
function rawPath(c: Context): string {
  const incoming: { url?: string } | undefined = c.env?.incoming;
  return (incoming?.url ?? new URL(c.req.url).pathname).split('?')[0] ?? '';
}

async function tile(c: Context, log: Log): Promise<Response> {
  const path = rawPath(c).slice(`/logs/${log.name}/`.length);
  const isBundle = path.startsWith('tile/entries/');
  const bytes = await (isBundle ? log.readBundle(parseBundlePath(path)) : log.readTile(parseTilePath(path)));
  if (bytes === undefined) throw beyond(log);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  const headers = { ETag: etag, 'Cache-Control': 'public, max-age=31536000, immutable' };
  if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers });
  return octets(bytes, headers);
}

function octets(bytes: Uint8Array, headers: Record<string, string>): Response {
  const type = { 'Content-Type': 'application/octet-stream', 'X-Content-Type-Options': 'nosniff' };
  return new Response(new Uint8Array(bytes), { headers: { ...type, ...headers } });
}

function beyond(log: Log): TlogError {
  return new TlogError('beyond_log_head', `the log has ${log.head.size} entries`, {
    details: { treeSize: log.head.size },
  });
}

async function oneEntry(c: Context, log: Log): Promise<Response> {
  const index = parseLeafIndex(c.req.param('index') ?? '');
  if (index >= log.head.size) throw beyond(log);
  const [entry] = await log.readEntries(index, (index + 1) as TreeSize);
  if (entry === undefined) throw new RangeError(`no entry ${index}`);
  return octets(entry, { 'Content-Disposition': 'attachment' });
}

function sizeOf(c: Context, log: Log, name: string): { size: TreeSize; checkpoint?: string } {
  const asked = c.req.query(name);
  const { size: published, note } = log.publishedHead;
  const size = asked === undefined ? published : parseTreeSize(asked);
  if (size > log.head.size) throw beyond(log);
  return size === published ? { size, checkpoint: note } : { size };
}

async function indexOf(c: Context, log: Log): Promise<LeafIndex> {
  const leafHash = c.req.query('leafHash');
  const asked = c.req.query('index');
  if ((asked === undefined) === (leafHash === undefined))
    throw new TlogError('invalid_parameter', 'give either index or leafHash');
  if (leafHash === undefined) return parseLeafIndex(asked ?? '');
  if (!/^[0-9a-f]{64}$/.test(leafHash))
    throw new TlogError('malformed_hex', 'leafHash is 64 lower-case hex digits');
  const found = await log.findLeaf(Buffer.from(leafHash, 'hex'));
  if (found === undefined) throw new TlogError('unknown_leaf_hash', 'the log has no such leaf hash');
  return found;
}

async function inclusion(c: Context, log: Log): Promise<Response> {
  const index = await indexOf(c, log);
  const { size, checkpoint } = sizeOf(c, log, 'treeSize');
  if (index >= log.head.size) throw beyond(log);
  if (index >= size) {
    const details = { treeSize: log.head.size };
    const code = c.req.query('treeSize') === undefined ? 'not_yet_published' : 'invalid_parameter';
    throw new TlogError(code, `index ${index} is not below tree size ${size}`, { details });
  }
  const { leafHash, rootHash, proof } = await log.proveInclusion(index, size);
  const hashes = { leafHash: base64(leafHash), treeSize: size, rootHash: base64(rootHash) };
  return c.json({ index, ...hashes, inclusionProof: base64All(proof), checkpoint });
}

async function consistency(c: Context, log: Log): Promise<Response> {
  const from = c.req.query('from');
  if (from === undefined) throw new TlogError('invalid_parameter', 'from is missing');
  const fromSize = parseTreeSize(from);
  const { size: toSize, checkpoint } = sizeOf(c, log, 'to');
  if (fromSize > toSize) throw new TlogError('invalid_parameter', `from ${fromSize} is above ${toSize}`);
  const answer = await log.proveConsistency(fromSize, toSize);
  const roots = { fromRootHash: base64(answer.fromRootHash), toRootHash: base64(answer.toRootHash) };
  return c.json({ fromSize, toSize, ...roots, consistencyProof: base64All(answer.proof), checkpoint });
}

async function append(c: Context, log: Log, tokenId: string, isAdd: boolean): Promise<Response> {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  const isBatch = !isAdd && (type === 'application/x-ndjson' || type === BUNDLE_TYPE);
  if (!isAdd && !isBatch && type !== 'application/octet-stream')
    throw new TlogError(
      'unsupported_media_type',
      `send application/octet-stream, x-ndjson or ${BUNDLE_TYPE}`,
    );
  const request = c.req.raw;
  const entries = isBatch ? await batchOf(request, type === BUNDLE_TYPE) : [await entryOf(request)];
  const result = await log.append({ entries, ...idempotencyOf(c, log, tokenId, entries) });
  const [index] = result.indexes;
  const [leafHash] = result.leafHashes;
  if (index === undefined || leafHash === undefined) throw new RangeError('an append without an index');
  if (isAdd) return text(`${index}`);
  const status = result.isNew.includes(true) ? 201 : 200;
  const head = suffix(result.head);
  const hashes = `"indexes":[${result.indexes}],"new":[${result.isNew}]`;
  if (isBatch) return json(`{${hashes},"treeSize":${result.head.size},${head}}`, status);
  const { proof } = await log.proveInclusion(index, result.head.size);
  const leaf = `"index":${index},"leafHash":"${base64(leafHash)}","treeSize":${result.head.size}`;
  return json(`{${leaf},"inclusionProof":${JSON.stringify(base64All(proof))},${head}}`, status);
}

async function entryOf(request: Request): Promise<Uint8Array> {
  return readBody(request, ENTRY_BYTES_MAX, 'entry_too_large');
}

async function batchOf(request: Request, isBundle: boolean): Promise<Uint8Array[]> {
  const body = await readBody(request, BATCH_BYTES_MAX, 'batch_too_large');
  return isBundle ? splitBundle(body) : splitLines(body);
}

function idempotencyOf(
  c: Context,
  log: Log,
  tokenId: string,
  entries: readonly Uint8Array[],
): Pick<AppendRequest, 'idempotency'> {
  const key = c.req.header('idempotency-key');
  if (key === undefined || log.duplicates !== 'key') return {};
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new TlogError('invalid_idempotency_key', 'Idempotency-Key is 1 to 255 visible ASCII characters');
  const content = createHash('sha256');
  for (const entry of entries) content.update(`${entry.length}:`).update(entry);
  const digest = createHash('sha256').update(`${tokenId}\0${key}`).digest();
  return { idempotency: { key: digest, contentHash: content.digest() } };
}

const suffixes = new WeakMap<SignedHead, string>();

/** rootHash and checkpoint as JSON, made once for all receipts of one head. */
function suffix(head: SignedHead): string {
  const known = suffixes.get(head);
  if (known !== undefined) return known;
  const made = `"rootHash":"${base64(head.rootHash)}","checkpoint":${JSON.stringify(head.note)}`;
  suffixes.set(head, made);
  return made;
}

function json(body: string, status: number): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json' } });
}
