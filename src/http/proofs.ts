import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { MULTI_PROOF_LEAVES_MAX } from '../core/merkle/multi-proof.ts';
import { formatTlogProof } from '../core/proof/tlog-proof.ts';
import { type LeafIndex, parseLeafIndex, parseTreeSize, type TreeSize } from '../core/units.ts';
import { andThen, type Now } from '../runtime/now.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';
import type { Witnessing } from '../witnessing/witnessing.ts';
import { accepts, askedSize, beyond, textAnswer } from './answer.ts';
import { type BodyLimit, readBody } from './body.ts';
import type { BodyMemory } from './body-memory.ts';
import { CBOR, fieldsAnswer, varyingJson } from './fields.ts';
import { headerOf } from './headers.ts';
import { consistencyText, inclusionText } from './proof-text.ts';
import { queryOf, required } from './query.ts';
import { witnessedHeadFor } from './witnessed.ts';

/** Most indexes in the query of a multi-proof: an address stays short enough for every proxy. */
export const QUERY_INDEXES_MAX = 500;
const MULTI_BODY: BodyLimit = { bytesMax: 128 * 1024, code: 'body_too_large' };

/** GET proofs/inclusion?index|leafHash&treeSize or head=witnessed. */
export function inclusion(c: Context, log: Log, witnessing: Witnessing | undefined): Now<Response> {
  const query = queryOf(c, ['index', 'leafHash', 'treeSize', 'head']);
  const head = query.get('head');
  if (head === undefined)
    return andThen(indexOf(query, log), (index) => inclusionOf(c, log, index, query.get('treeSize')));
  if (head !== 'witnessed' || query.has('treeSize'))
    throw new TlogError('invalid_parameter', 'head is witnessed, and then there is no treeSize');
  return andThen(indexOf(query, log), (index) =>
    headInclusion(c, log, index, witnessedHeadFor(log, witnessing, index)),
  );
}

function inclusionOf(c: Context, log: Log, index: LeafIndex, asked: string | undefined): Now<Response> {
  const { size, checkpoint } = askedSize(log, asked);
  checkBelow(log, index, size, asked !== undefined);
  if (checkpoint !== undefined) return headInclusion(c, log, index, log.publishedHead);
  if (accepts(c, 'text/plain')) return tlogProof(log, index, size);
  return andThen(log.proveInclusion(index, size), ({ leafHash, rootHash, proof }) =>
    fieldsAnswer(c, { index, leafHash, treeSize: size, rootHash, inclusionProof: proof }),
  );
}

/** For a head whose note is at hand, which comes with the proof. */
function headInclusion(c: Context, log: Log, index: LeafIndex, head: SignedHead): Now<Response> {
  const isOther = headerOf(c, 'accept') !== undefined;
  const isText = isOther && accepts(c, 'text/plain');
  if (!isText && !(isOther && accepts(c, CBOR)))
    return andThen(inclusionText(log, head, index), (text) => varyingJson(text));
  return andThen(log.proveInclusion(index, head.size), ({ leafHash, rootHash, proof }) => {
    if (isText) return textAnswer(formatTlogProof({ index, proof, note: head.note }), { vary: 'Accept' });
    const leaf = { index, leafHash, treeSize: head.size, rootHash };
    return fieldsAnswer(c, { ...leaf, inclusionProof: proof, checkpoint: head.note });
  });
}

/** The proof as the text of a .tlog-proof file (c2sp.org/tlog-proof), which needs a signed note of this size. */
async function tlogProof(log: Log, index: LeafIndex, size: TreeSize): Promise<Response> {
  const head = await log.keptHead(size);
  if (head === undefined)
    throw new TlogError('no_checkpoint_for_size', `no signed checkpoint of size ${size} is kept`);
  const { proof } = await log.proveInclusion(index, size);
  return textAnswer(formatTlogProof({ index, proof, note: head.note }), { vary: 'Accept' });
}

/** GET proofs/consistency?from&to. */
export function consistency(c: Context, log: Log): Now<Response> {
  const query = queryOf(c, ['from', 'to']);
  const fromSize = parseTreeSize(required(query, 'from'));
  const { size: toSize, checkpoint } = askedSize(log, query.get('to'));
  if (fromSize > toSize) throw new TlogError('invalid_parameter', `from ${fromSize} is above ${toSize}`);
  const isInside = fromSize > 0 && fromSize < toSize;
  if (checkpoint !== undefined && isInside && !accepts(c, CBOR))
    return andThen(consistencyText(log, log.publishedHead, fromSize), (text) => varyingJson(text));
  return andThen(log.proveConsistency(fromSize, toSize), ({ fromRootHash, toRootHash, proof }) => {
    const roots = { fromRootHash, toRootHash };
    return fieldsAnswer(c, { fromSize, toSize, ...roots, consistencyProof: proof, checkpoint });
  });
}

/** GET proofs/multi?indexes=1,2,3&treeSize. */
export async function multiByQuery(c: Context, log: Log): Promise<Response> {
  const query = queryOf(c, ['indexes', 'treeSize']);
  const texts = required(query, 'indexes').split(',');
  if (texts.length > QUERY_INDEXES_MAX)
    throw new TlogError('invalid_parameter', `over ${QUERY_INDEXES_MAX} indexes: ask by POST`);
  return multi(c, log, texts, query.get('treeSize'));
}

/** POST proofs/multi with {"indexes":[1,2,3],"treeSize":4}. */
export async function multiByBody(c: Context, log: Log, bodies: BodyMemory): Promise<Response> {
  const body = await readBody(c, MULTI_BODY, bodies);
  const { indexes, treeSize, ...others } = parseObject(body);
  if (!Array.isArray(indexes) || Object.keys(others).length > 0)
    throw new TlogError('invalid_json', 'send {"indexes":[…],"treeSize":…} and nothing else');
  return multi(c, log, indexes.map(numberText), treeSize === undefined ? undefined : numberText(treeSize));
}

async function multi(c: Context, log: Log, texts: readonly string[], asked?: string): Promise<Response> {
  if (texts.length === 0 || texts.length > MULTI_PROOF_LEAVES_MAX)
    throw new TlogError('invalid_parameter', `ask for 1 to ${MULTI_PROOF_LEAVES_MAX} indexes`);
  const indexes = texts.map(parseLeafIndex);
  const { size, checkpoint } = askedSize(log, asked);
  for (const [i, index] of indexes.entries()) {
    if (index <= (indexes[i - 1] ?? -1))
      throw new TlogError('invalid_parameter', `indexes must ascend, without repeats, at ${index}`);
    checkBelow(log, index, size, asked !== undefined);
  }
  const { leafHashes, rootHash, nodes } = await log.proveMany(indexes, size);
  return fieldsAnswer(c, { indexes, leafHashes, treeSize: size, rootHash, nodes, checkpoint });
}

function indexOf(query: ReadonlyMap<string, string>, log: Log): Now<LeafIndex> {
  const leafHash = query.get('leafHash');
  const asked = query.get('index');
  if ((asked === undefined) === (leafHash === undefined))
    throw new TlogError('invalid_parameter', 'give either index or leafHash');
  if (leafHash === undefined) return parseLeafIndex(asked ?? '');
  if (!/^[0-9a-f]{64}$/.test(leafHash))
    throw new TlogError('malformed_hex', 'leafHash is 64 lower-case hex digits');
  return andThen(log.findLeaf(Buffer.from(leafHash, 'hex')), (found) => {
    if (found === undefined) throw new TlogError('unknown_leaf_hash', 'the log has no such leaf hash');
    return found;
  });
}

function checkBelow(log: Log, index: LeafIndex, size: TreeSize, isAsked: boolean): void {
  if (index < size) return;
  if (index >= log.head.size) throw beyond(log);
  throw new TlogError(
    isAsked ? 'invalid_parameter' : 'not_yet_published',
    `index ${index} is not below tree size ${size}`,
    { details: { treeSize: log.head.size } },
  );
}

function parseObject(body: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new TlogError('invalid_json', 'the body is not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new TlogError('invalid_json', 'the body is not a JSON object');
  // Before it is written again, which recurses: a body can be nested deeper than the stack.
  if (
    !Object.values(parsed)
      .flat()
      .every((item) => typeof item === 'number')
  )
    throw new TlogError('invalid_json', 'every member is a number or a list of numbers');
  checkSpelling(text, parsed);
  return { ...parsed };
}

/**
 * JSON.parse takes the last of two members of one name, and 1e3, 1.0, -0 and what it has to round for numbers. Such a
 * text differs from what its value is written as. White space is no matter: no name or number holds any.
 */
function checkSpelling(text: string, parsed: object): void {
  if (text.replace(/[ \t\r\n]/g, '') !== JSON.stringify(parsed))
    throw new TlogError('invalid_json', 'write numbers in plain digits, and each member once');
}

/** The number's one spelling, so that the parsers of query and body are the same. */
function numberText(value: unknown): string {
  if (typeof value !== 'number') throw new TlogError('invalid_json', 'indexes and treeSize are numbers');
  return String(value);
}
