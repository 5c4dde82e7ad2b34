import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utf8Encode } from '../../../src/core/encoding/utf8.ts';
import { TlogError } from '../../../src/core/error.ts';
import { portableHasher } from '../../../src/core/merkle/hasher.ts';
import { parsePolicy } from '../../../src/core/note/policy.ts';
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../../src/core/proof/tlog-proof.ts';
import { leafIndex } from '../../../src/core/units.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';

interface Row {
  readonly name: string;
  readonly leaf_data: string;
  readonly proof: string;
  readonly verifies_policy_all: boolean;
  readonly verifies_policy_any: boolean;
}
const vectors: { policy_all: string; policy_any: string; cases: Row[] } = JSON.parse(
  readFileSync('spec/vectors/tlogproof.json', 'utf8'),
);

/** Codes of what is refused. Where independent code accepts (the index), the specification does not. */
const REFUSED: Record<string, string> = {
  'no cosignature': 'policy_not_met',
  'wrong leaf': 'proof_mismatch',
  'wrong index': 'proof_mismatch',
  'index with leading zero': 'malformed_proof',
  'unknown header': 'malformed_proof',
  'no empty line before checkpoint': 'malformed_proof',
  CRLF: 'malformed_proof',
};
const STRICTER: readonly string[] = ['index with leading zero'];

async function codeOf(text: string, leaf: string, policy: string): Promise<string> {
  const leafHash = portableHasher.leafHash(utf8Encode(leaf));
  const trust = { leafHash, policy: parsePolicy(policy), ed25519: ed25519Verify };
  try {
    await verifyTlogProof(portableHasher, parseTlogProof(text), trust);
    return 'ok';
  } catch (error) {
    return error instanceof TlogError ? error.code : String(error);
  }
}

describe('PROOF-2 PROOF-3 .tlog-proof files, by the verdict of independent code', () => {
  test.each(vectors.cases)('all of two witnesses: $name', async (row) => {
    const code = await codeOf(row.proof, row.leaf_data, vectors.policy_all);
    const refusal = row.name === 'one cosignature only' ? 'policy_not_met' : REFUSED[row.name];
    expect(code).toBe(refusal ?? 'ok');
    if (!STRICTER.includes(row.name)) expect(code === 'ok').toBe(row.verifies_policy_all);
  });

  test.each(vectors.cases)('any of two witnesses: $name', async (row) => {
    const code = await codeOf(row.proof, row.leaf_data, vectors.policy_any);
    expect(code).toBe(REFUSED[row.name] ?? 'ok');
    if (!STRICTER.includes(row.name)) expect(code === 'ok').toBe(row.verifies_policy_any);
  });
});

describe('PROOF-2 one spelling', () => {
  const good = vectors.cases.filter((row) => row.verifies_policy_any && !STRICTER.includes(row.name));
  test.each(good)('read and written again: $name', ({ proof }) => {
    expect(formatTlogProof(parseTlogProof(proof))).toBe(proof);
  });

  const hash = `${'A'.repeat(43)}=\n`;
  test.each([
    ['nothing', ''],
    ['no empty line', 'c2sp.org/tlog-proof@v1\nindex 0\n'],
    ['a number on another line than index', 'c2sp.org/tlog-proof@v1\nleafnr0\n\nnote'],
    ['no index', 'c2sp.org/tlog-proof@v1\n\nnote'],
    ['index first, then extra', 'c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\nnote'],
    ['index +1', 'c2sp.org/tlog-proof@v1\nindex +1\n\nnote'],
    ['index 2^53', 'c2sp.org/tlog-proof@v1\nindex 9007199254740992\n\nnote'],
    ['extra without its space', 'c2sp.org/tlog-proof@v1\nextra\nindex 0\n\nnote'],
    ['extra with spare bits', 'c2sp.org/tlog-proof@v1\nextra AB==\nindex 0\n\nnote'],
    ['a hash of 31 bytes', `c2sp.org/tlog-proof@v1\nindex 0\n${'A'.repeat(40)}AA==\n\nnote`],
    ['64 hashes', `c2sp.org/tlog-proof@v1\nindex 0\n${hash.repeat(64)}\nnote`],
  ])('refused: %s', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(expect.objectContaining({ code: 'malformed_proof' }));
  });

  test.each([
    ['64 hashes', Array.from({ length: 64 }, () => new Uint8Array(32))],
    ['a hash of 31 bytes', [new Uint8Array(31)]],
  ])('does not make what it could not read: %s', (_, hashes) => {
    expect(() => formatTlogProof({ index: leafIndex(0), proof: hashes, note: 'note' })).toThrow(RangeError);
  });

  test('63 hashes are read, written, and nothing beside them', () => {
    const text = `c2sp.org/tlog-proof@v1\nindex 0\n${hash.repeat(63)}\nnote`;
    const read = parseTlogProof(text);
    expect(read).toMatchObject({ index: 0, note: 'note', proof: { length: 63 } });
    expect([Object.keys(read), formatTlogProof(read)]).toEqual([['index', 'proof', 'note'], text]);
  });
});

test.each([
  ['the index', 'index x\n\nnote', 'malformed_number'],
  ['a hash', 'index 0\nA\n\nnote', 'malformed_base64'],
])('PROOF-2 what was wrong with %s is the cause', (_, rest, code) => {
  const cause = expect.objectContaining({ code });
  expect(() => parseTlogProof(`c2sp.org/tlog-proof@v1\n${rest}`)).toThrow(expect.objectContaining({ cause }));
});

describe('NOTE-7 PROOF-3 signatures, policy, then inclusion', () => {
  const { proof, leaf_data: leaf } = vectors.cases[0] as Row;
  const [witnessLine = ''] = /\u2014 witness\.example\/b .*\n/.exec(proof) ?? [];
  const flipped = witnessLine.replace(
    /.{3}=*\n$/,
    (end) => `${end.startsWith('AAA') ? 'BBB' : 'AAA'}${end.slice(3)}`,
  );

  test('a bad line of a known witness refuses the proof, even if not needed', async () => {
    expect(witnessLine).not.toBe('');
    expect(await codeOf(proof.replace(witnessLine, flipped), leaf, vectors.policy_any)).toBe('bad_signature');
  });

  test('no log of the origin in the policy', async () => {
    const noLog = vectors.policy_any.replace(/^log .*$/m, '');
    expect(await codeOf(proof, leaf, noLog)).toBe('wrong_origin');
  });

  test('the log must have signed, whatever witnesses say', async () => {
    const unsigned = proof.replace(/\u2014 log\.example\/vectors .*\n/, '');
    expect(await codeOf(unsigned, leaf, vectors.policy_any)).toBe('unverified_note');
  });

  test('without a quorum the signature of the log is enough, and nothing tells how fresh it is', async () => {
    const policy = parsePolicy(vectors.policy_all.replace(/^quorum .*$/m, 'quorum none'));
    const leafHash = portableHasher.leafHash(utf8Encode(leaf));
    const trust = { leafHash, policy, ed25519: ed25519Verify };
    const verified = await verifyTlogProof(portableHasher, parseTlogProof(proof), trust);
    expect([verified.index, verified.freshnessSec]).toEqual([42, undefined]);
  });

  test('gives the checkpoint, the cosignatures and how fresh they are', async () => {
    const trust = {
      leafHash: portableHasher.leafHash(utf8Encode(leaf)),
      policy: parsePolicy(vectors.policy_all),
      ed25519: ed25519Verify,
    };
    const verified = await verifyTlogProof(portableHasher, parseTlogProof(proof), trust);
    expect(verified).toMatchObject({ index: 42, checkpoint: { size: 70 }, freshnessSec: 1_700_000_000 });
    expect(verified.cosigned.map(({ witness }) => witness)).toEqual(['a', 'b']);
  });
});
