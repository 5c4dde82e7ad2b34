import * as core from '../../src/core/core.ts';
import type { FuzzServer } from './fuzz-server.ts';
import { bytesIn, expectSame, type Fields, fieldsOf, hex, judgeNote } from './judge.ts';
import type { RawAnswer, RawRequest } from './raw-client.ts';

/** An append that was taken: the entries lie where it says, each once, and what it gives proves it. */
export async function judgeAppend(server: FuzzServer, request: RawRequest, answer: RawAnswer): Promise<void> {
  const { model } = server;
  const entries = entriesOf(request);
  const { indexes, isNew } = placesOf(server, answer);
  expectSame('how many entries were taken', indexes.length, entries.length);
  for (const [i, entry] of entries.entries()) {
    if (isNew?.[i] ?? indexes[i] === model.size) {
      expectSame('the index of a new entry', indexes[i], model.size);
      model.add(entry);
    } else {
      expectSame('a retry without a key', header(request, 'idempotency-key') !== undefined, true);
      expectSame('the entry that was repeated', hex(model.entries[indexes[i] ?? -1] ?? NONE), hex(entry));
    }
  }
  const isAdd = request.target.includes('/add');
  const anyNew = isNew === undefined || isNew.includes(true);
  if (isNew !== undefined || isAdd) expectSame('the status', answer.status, !isAdd && anyNew ? 201 : 200);
  if (!isAdd) await judgeReceipt(server, answer, fieldsOrProof(answer));
}

const NONE = Buffer.from('no such entry');

function header({ headers }: RawRequest, name: string): string | undefined {
  return headers.find(([header]) => header.toLowerCase() === name)?.[1];
}

/** The entries of a body by the words of the specification, apart from the server's code. */
function entriesOf(request: RawRequest): Uint8Array[] {
  const body = Buffer.from(bodyOf(request));
  const type = (header(request, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (request.target.includes('/add')) return [body];
  if (type === 'application/x-ndjson') {
    const lines = body.toString('latin1').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.map((line) => Buffer.from(line, 'latin1'));
  }
  if (!type.endsWith('entry-bundle')) return [body];
  const entries: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += 2 + body.readUInt16BE(at))
    entries.push(body.subarray(at + 2, at + 2 + body.readUInt16BE(at)));
  return entries;
}

/** The body without its framing. */
export function bodyOf(request: RawRequest): Uint8Array {
  if (header(request, 'transfer-encoding') === undefined) return request.body;
  const text = Buffer.from(request.body).toString('latin1');
  const end = text.indexOf('\r\n');
  return Buffer.from(text.slice(end + 2, end + 2 + Number.parseInt(text.slice(0, end), 16)), 'latin1');
}

/** Where the answer says that the entries lie, and which are new; a receipt says so by its status alone. */
function placesOf(
  { model }: FuzzServer,
  answer: RawAnswer,
): { readonly indexes: readonly number[]; readonly isNew?: readonly boolean[] } {
  const text = answer.body.toString();
  if (/^\d+$/.test(text)) return { indexes: [Number(text)] };
  const fields = fieldsOrProof(answer);
  if (fields === undefined) return oneOf(core.parseTlogProof(text).index, answer);
  if (fields['indexes'] === undefined) return oneOf(fields['index'], answer);
  expectSame(
    'the size of the head',
    fields['treeSize'],
    model.size + (fields['new'] as boolean[]).filter(Boolean).length,
  );
  return { indexes: fields['indexes'], isNew: fields['new'] };
}

/** Undefined for the text of a .tlog-proof. */
function fieldsOrProof(answer: RawAnswer): Fields | undefined {
  return answer.body.toString().startsWith('c2sp.org/') ? undefined : fieldsOf(answer);
}

function oneOf(index: number, { status }: RawAnswer): { indexes: number[]; isNew: boolean[] } {
  return { indexes: [index], isNew: [status === 201] };
}

export async function judgeReceipt(
  server: FuzzServer,
  { body }: RawAnswer,
  fields: Fields | undefined,
): Promise<void> {
  const { model } = server;
  const proven = fields ?? core.parseTlogProof(body.toString());
  const size = core.treeSize(await judgeNote(server, fields?.['checkpoint'] ?? proven['note']));
  expectSame('the size of the receipt', size, model.size);
  if (fields?.['indexes'] !== undefined) return;
  const proof: Uint8Array[] = fields === undefined ? proven['proof'] : fields['inclusionProof'].map(bytesIn);
  const index = core.leafIndex(proven['index']);
  const leafHash = model.leafHashes[index] ?? NONE;
  core.verifyInclusion(core.portableHasher, { index, size, leafHash, proof, root: model.rootHash(size) });
}
