import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { formatTlogProof } from '../core/proof/tlog-proof.ts';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import { systemClock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { Slices } from '../runtime/slices.ts';
import { ContentHash } from '../sequencer/content-hash.ts';
import type { AppendRequest, AppendResult, Log } from '../sequencer/log.ts';
import type { Witnessing } from '../witnessing/witnessing.ts';
import { accepts, textAnswer } from './answer.ts';
import { BATCH_BYTES_MAX, HASHED_AT_A_TIME, hashBatch, splitBundle, splitLines } from './batch.ts';
import { announcedBytes, type BodyLimit, readBody } from './body.ts';
import type { BodyMemory } from './body-memory.ts';
import { CBOR, fieldsAnswer, varyingJson } from './fields.ts';
import { headerOf } from './headers.ts';
import { idempotencyKeyOf, idempotencyOf, retryKeyOf } from './idempotency.ts';
import { headText, inclusionText } from './proof-text.ts';
import { queryOf } from './query.ts';
import { acknowledged, askedAck, type Outcome } from './witnessed.ts';
import type { WriteGate } from './write-gate.ts';

export const ENTRY_TYPE = 'application/octet-stream';
const BUNDLE_TYPE = 'application/vnd.stele.entry-bundle';
export const ENTRY: BodyLimit = { bytesMax: ENTRY_BYTES_MAX, code: 'entry_too_large' };
const BATCH: BodyLimit = { bytesMax: BATCH_BYTES_MAX, code: 'batch_too_large' };

/** Who appends, by which route, and who is told what came of it. */
export interface AppendCall {
  readonly tokenId: string;
  /** POST add: one entry of any type, answered with its index. */
  readonly isAdd: boolean;
  readonly bodies: BodyMemory;
  readonly gate: WriteGate;
  /** Of a log with a witness policy. */
  readonly witnessing: Witnessing | undefined;
  onAppended(outcome: 'new' | 'repeated'): void;
}

/** POST entries and POST add: answers once the entries are under a signed head, and where asked for a cosigned one. */
export async function append(c: Context, log: Log, call: AppendCall): Promise<Response> {
  const { tokenId, isAdd } = call;
  checkIdentity(c);
  const type = mediaType(headerOf(c, 'content-type') ?? '');
  const isBatch = !isAdd && (type === 'application/x-ndjson' || type === BUNDLE_TYPE);
  if (!isAdd && !isBatch && type !== ENTRY_TYPE)
    throw new TlogError('unsupported_media_type', `send ${ENTRY_TYPE}, x-ndjson or ${BUNDLE_TYPE}`);
  if (isAdd) queryOf(c, []);
  const waited = isAdd ? undefined : askedAck(c, call.witnessing);
  const limit = isBatch ? BATCH : ENTRY;
  // A client is told at once, and what it sends after that is not kept.
  log.admit(announcedBytes(c, limit));
  const body = await readBody(c, limit, call.bodies);
  const request = isBatch
    ? await batchRequest(c, log, call, type === BUNDLE_TYPE ? splitBundle(body) : splitLines(body))
    : { entries: [body], ...retryOf(c, log, tokenId, [body]) };
  const result = await call.gate.pass(() => log.append(request));
  call.onAppended(result.isNew.includes(true) ? 'new' : 'repeated');
  if (isAdd) return textAnswer(`${result.indexes[0]}`);
  const answer = isBatch ? batchAnswer : receiptAnswer;
  return acknowledged(waited, result, (proven, outcome) => answer(c, log, proven, outcome));
}

/** A media type without its parameters. */
export function mediaType(header: string): string {
  return header === ENTRY_TYPE ? header : (header.split(';')[0] ?? '').trim().toLowerCase();
}

/** The receipt of one entry: JSON, or what Accept names. */
async function receiptAnswer(
  c: Context,
  log: Log,
  { head, indexes, leafHashes }: AppendResult,
  { status, witnessed }: Outcome,
): Promise<Response> {
  const [index] = indexes;
  const [leafHash] = leafHashes;
  if (index === undefined || leafHash === undefined) throw new RangeError('an append without an index');
  const isOther = headerOf(c, 'accept') !== undefined && (accepts(c, 'text/plain') || accepts(c, CBOR));
  if (!isOther && witnessed === undefined) return varyingJson(await inclusionText(log, head, index), status);
  const { proof } = await log.proveInclusion(index, head.size);
  if (isOther && accepts(c, 'text/plain'))
    return textAnswer(formatTlogProof({ index, proof, note: head.note }), { status });
  const leaf = { index, leafHash, treeSize: head.size, rootHash: head.rootHash };
  return fieldsAnswer(c, { ...leaf, inclusionProof: proof, checkpoint: head.note, witnessed }, status);
}

async function batchAnswer(
  c: Context,
  _: Log,
  { head, indexes, isNew }: AppendResult,
  { status, witnessed }: Outcome,
): Promise<Response> {
  const { size: treeSize, rootHash, note: checkpoint } = head;
  if (witnessed !== undefined || accepts(c, CBOR))
    return fieldsAnswer(c, { indexes, new: isNew, treeSize, rootHash, checkpoint, witnessed }, status);
  return varyingJson(`{"indexes":[${indexes}],"new":[${isNew}],${headText(head)}}`, status);
}

/** What is compressed on its way would be stored compressed: nobody could find their bytes again. @throws TlogError unsupported_media_type */
export function checkIdentity(c: Context): void {
  const coding = headerOf(c, 'content-encoding') ?? 'identity';
  if (coding.trim().toLowerCase() !== 'identity')
    throw new TlogError('unsupported_media_type', 'send the bytes as they are, without Content-Encoding');
  const transfer = headerOf(c, 'transfer-encoding') ?? 'chunked';
  if (transfer.trim().toLowerCase() !== 'chunked')
    throw new TlogError(
      'unsupported_media_type',
      'send the bytes as they are: no Transfer-Encoding but chunked',
    );
}

/** Hashing takes turns, in which more may come: until it is done a batch counts with the bodies that are on their way. */
async function batchRequest(
  c: Context,
  log: Log,
  { tokenId, bodies }: Pick<AppendCall, 'tokenId' | 'bodies'>,
  entries: readonly Uint8Array[],
): Promise<AppendRequest> {
  const key = log.duplicates === 'key' ? retryKeyOf(c, tokenId) : undefined;
  const content = key === undefined ? undefined : new ContentHash();
  const held = bodies.hold(entries.reduce((sum, { length }) => sum + length, 0));
  try {
    const slices = new Slices(HASHED_AT_A_TIME, systemClock.nextTurn);
    const leafHashes = await hashBatch(nodeHasher, entries, { slices, content });
    if (key === undefined || content === undefined) return { entries, leafHashes };
    return { entries, leafHashes, idempotency: { key, contentHash: content.digest() } };
  } finally {
    bodies.release(held);
  }
}

function retryOf(
  c: Context,
  log: Log,
  tokenId: string,
  entries: readonly Uint8Array[],
): Pick<AppendRequest, 'idempotency'> {
  const key = log.duplicates === 'key' ? idempotencyKeyOf(c) : undefined;
  if (key === undefined) return {};
  return { idempotency: idempotencyOf(tokenId, key, entries) };
}
