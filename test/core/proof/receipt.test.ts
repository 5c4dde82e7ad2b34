import { describe, expect, test } from 'vitest';
import { formatBase64 } from '../../../src/core/encoding/base64.ts';
import { TlogError } from '../../../src/core/error.ts';
import { createNoteVerifier } from '../../../src/core/note/verifier.ts';
import { formatReceipt, parseReceipt, verifyReceipt } from '../../../src/core/proof/receipt.ts';
import { leafIndex } from '../../../src/core/units.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../../src/runtime/node-hasher.ts';
import { openLog } from '../../../src/sequencer/open-log.ts';
import { newDataDirectory } from '../../support/test-log.ts';

type Json = Record<string, unknown>;
const entry = new TextEncoder().encode('entry 2');

/** A true receipt of entry 2 of 5, and what it is checked against. */
async function trueReceipt() {
  await using log = await openLog({ dir: await newDataDirectory(), clock: systemClock }, 'main');
  const entries = [0, 1, 2, 3, 4].map((i) => new TextEncoder().encode(`entry ${i}`));
  const { head } = await log.append({ entries });
  const { leafHash, proof } = await log.proveInclusion(leafIndex(2), head.size);
  const json: Json = {
    index: 2,
    leafHash: formatBase64(leafHash),
    treeSize: head.size,
    rootHash: formatBase64(head.rootHash),
    inclusionProof: proof.map(formatBase64),
    checkpoint: head.note,
  };
  const logVerifiers = [createNoteVerifier(log.vkeys[0] ?? '', ed25519Verify)];
  return { json, expected: { origin: log.origin, logVerifiers, entry } };
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    return error instanceof TlogError ? error.code : String(error);
  }
}

const zeros = formatBase64(new Uint8Array(32));
const wrong: [string, (json: Json) => Json, string][] = [
  ['nothing changed', (json) => json, 'ok'],
  ['another index', (json) => ({ ...json, index: 3 }), 'proof_mismatch'],
  ['an index beyond the tree', (json) => ({ ...json, index: 5 }), 'malformed_proof'],
  [
    'a size beside the proof that is not the signed one',
    (json) => ({ ...json, treeSize: 6 }),
    'proof_mismatch',
  ],
  ['another root', (json) => ({ ...json, rootHash: zeros }), 'proof_mismatch'],
  ['another leaf hash', (json) => ({ ...json, leafHash: zeros }), 'entry_mismatch'],
  ['a changed node', (json) => ({ ...json, inclusionProof: [zeros, zeros, zeros] }), 'proof_mismatch'],
  [
    'a changed checkpoint',
    (json) => ({ ...json, checkpoint: String(json['checkpoint']).replace('\n5\n', '\n6\n') }),
    'bad_signature',
  ],
  ['a number as text', (json) => ({ ...json, index: '2' }), 'malformed_proof'],
  ['a fraction', (json) => ({ ...json, index: 2.5 }), 'malformed_proof'],
  [
    'a proof that is too long',
    (json) => ({ ...json, inclusionProof: new Array(54).fill(zeros) }),
    'malformed_proof',
  ],
  ['a short hash', (json) => ({ ...json, rootHash: 'AAAA' }), 'malformed_proof'],
  ['no checkpoint', ({ checkpoint: _, ...json }) => json, 'malformed_proof'],
];

describe('PROOF-1 a receipt', () => {
  test.each(wrong)('%s', async (_, change, code) => {
    const { json, expected } = await trueReceipt();
    expect(await codeOf(async () => verifyReceipt(nodeHasher, parseReceipt(change(json)), expected))).toBe(
      code,
    );
  });

  test('a proof has at most 53 hashes, and what was wrong is the cause', async () => {
    const { json } = await trueReceipt();
    const of = (count: number) => ({ ...json, inclusionProof: new Array(count).fill(zeros) });
    expect(parseReceipt(of(53)).inclusionProof).toHaveLength(53);
    const cause = expect.objectContaining({ message: 'inclusionProof is not a list' });
    expect(() => parseReceipt(of(54))).toThrow(expect.objectContaining({ code: 'malformed_proof', cause }));
  });

  test('without the entry at hand it is as good, for the leaf hash in it', async () => {
    const { json, expected } = await trueReceipt();
    const { entry: _, ...trust } = expected;
    expect((await verifyReceipt(nodeHasher, parseReceipt(json), trust)).size).toBe(5);
  });

  test.each([null, 7, 'text', []])('refuses %j', async (json) => {
    expect(await codeOf(async () => parseReceipt(json))).toBe('malformed_proof');
  });

  test('of another entry or another log proves nothing', async () => {
    const { json, expected } = await trueReceipt();
    const receipt = parseReceipt(json);
    const other = { ...expected, entry: new Uint8Array(0) };
    expect(await codeOf(() => verifyReceipt(nodeHasher, receipt, other))).toBe('entry_mismatch');
    expect(await codeOf(() => verifyReceipt(nodeHasher, receipt, { ...expected, origin: 'x' }))).toBe(
      'wrong_origin',
    );
  });
});

test('PROOF-1 a receipt is written as the JSON that is read; CBOR has byte strings instead', async () => {
  const { json } = await trueReceipt();
  const receipt = parseReceipt(json);
  const text = formatReceipt(receipt);
  expect([text.split('\n').length, JSON.parse(text)]).toEqual([2, json]);
  expect(parseReceipt({ ...receipt })).toEqual(receipt);
  expect(() => parseReceipt({ ...receipt, leafHash: new Uint8Array(31) })).toThrow('32 bytes');
});
