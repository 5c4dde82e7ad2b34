import { equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { LeafIndex } from '../core/units.ts';
import { type InclusionAnswer, type MultiAnswer, readInclusion, readMulti } from './answers.ts';
import type { LogCalls } from './log-calls.ts';

/** A multi-proof of 4,096 leaves far apart in a tree of 2^52, with room. */
const MULTI_BYTES_MAX = 16 * 1024 * 1024;
const INCLUSION_BYTES_MAX = 2 * 1024 * 1024;
/** Most indexes that a query holds; more go as a body, which a page on another origin may not send. */
const QUERY_INDEXES_MAX = 500;

/** Which leaf: by its place, or by the hash of its entry. */
export type LeafName = LeafIndex | Hash;

/** For which tree: one size, where undefined the published one. */
export interface ProofQuery {
  readonly treeSize: number | undefined;
  /** In place of a size: the newest tree that the log's witnesses have cosigned. */
  readonly head?: 'witnessed';
  readonly signal: AbortSignal | undefined;
}

/** An inclusion proof that is about the leaf asked for; it is not verified. @throws TlogError malformed_answer, as LogCalls.ask */
export async function askInclusion(
  calls: LogCalls,
  leaf: LeafName,
  query: ProofQuery,
): Promise<InclusionAnswer> {
  const { treeSize, head, signal } = query;
  const name = typeof leaf === 'number' ? `index=${leaf}` : `leafHash=${formatHex(leaf)}`;
  const size = treeSize === undefined ? '' : `&treeSize=${treeSize}`;
  const path = `proofs/inclusion?${name}${size}${head === undefined ? '' : `&head=${head}`}`;
  const answer = readInclusion(
    (await calls.askFields({ path, bytesMax: INCLUSION_BYTES_MAX, signal })).fields,
  );
  const isAsked = typeof leaf === 'number' ? answer.index === leaf : equalBytes(answer.leafHash, leaf);
  if (isAsked) return answer;
  throw new TlogError('malformed_answer', `${calls.urlOf(path)} answered for leaf ${answer.index}`);
}

/** A multi-proof; it is not verified. @throws TlogError malformed_answer, as LogCalls.ask */
export async function askMulti(
  calls: LogCalls,
  indexes: readonly LeafIndex[],
  { treeSize, signal }: ProofQuery,
): Promise<MultiAnswer> {
  const size = treeSize === undefined ? {} : { treeSize };
  const bytesMax = MULTI_BYTES_MAX;
  if (indexes.length <= QUERY_INDEXES_MAX) {
    const query = treeSize === undefined ? '' : `&treeSize=${treeSize}`;
    const path = `proofs/multi?indexes=${indexes.join(',')}${query}`;
    return readMulti((await calls.askFields({ path, bytesMax, signal })).fields);
  }
  const body = new TextEncoder().encode(JSON.stringify({ indexes, ...size }));
  const headers = { 'Content-Type': 'application/json' };
  const call = { path: 'proofs/multi', method: 'POST', headers, body, bytesMax, signal } as const;
  return readMulti((await calls.askFields(call)).fields);
}
