import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utf8Encode } from '../../../src/core/encoding/utf8.ts';
import { parseCheckpoint } from '../../../src/core/note/checkpoint.ts';
import { createCosignatureVerifier } from '../../../src/core/note/cosignature.ts';
import {
  COSIGNATURE_V1,
  computeKeyId,
  ED25519,
  formatKeyId,
  formatSignerKey,
  formatVerifierKey,
  ML_DSA_44,
  parseSignerKey,
  parseVerifierKey,
} from '../../../src/core/note/key.ts';
import { formatNote, parseNote, verifyNote } from '../../../src/core/note/signed-note.ts';
import { createNoteVerifier } from '../../../src/core/note/verifier.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';
import { codeOf } from '../merkle/naive-tree.ts';

const vectors = JSON.parse(readFileSync('spec/vectors/notes.json', 'utf8'));
const { vkey, skey }: { vkey: string; skey: string } = vectors.keys[0];
const key = parseVerifierKey(vkey);
const line = '\u2014 log AAAAAQI=\n';

describe('NOTE-1 where a note ends and begins', () => {
  test.each([
    ['a signature line without its LF', `text\n\n${line}${line.slice(0, -1)}`],
    ['no empty line, and a first line with a signature in it', `x${line}`],
    ['no text before the empty line', `\n${line}`],
    ['something before the dash', `text\n\nx${line}`],
    ['something behind the base64', `text\n\n${line.slice(0, -1)} x\n`],
    ['a line that is no signature', 'text\n\nnot a signature\n'],
  ])('refused: %s', (_, note) => {
    expect(codeOf(() => parseNote(note))).toBe('malformed_note');
    expect(codeOf(() => parseNote(utf8Encode(note)))).toBe('malformed_note');
  });

  /** A note of so many bytes, all but the last lines one letter. */
  const noteOf = (bytes: number, letter: string): string => {
    const rest = `\n\n${line}`;
    const [room, each] = [bytes - utf8Encode(rest).length, utf8Encode(letter).length];
    return `${letter.repeat(Math.floor(room / each))}${'x'.repeat(room % each)}${rest}`;
  };
  test.each([
    ['letters of one byte', 1_000_000, 'a', 'accepted'],
    ['letters of one byte', 1_000_001, 'a', 'malformed_note'],
    ['letters of two bytes', 1_000_000, 'é', 'accepted'],
    ['letters of two bytes', 1_000_001, 'é', 'malformed_note'],
  ])('%s, %i bytes in all', (_, bytes, letter, code) => {
    const note = noteOf(bytes, letter);
    expect(utf8Encode(note)).toHaveLength(bytes);
    expect(codeOf(() => parseNote(note))).toBe(code);
    expect(codeOf(() => parseNote(utf8Encode(note)))).toBe(code);
  });

  test('signature lines follow each other, and say whose they are', () => {
    const signatures = [1, 2].map((n) => ({ name: `key${n}`, keyId: n, signature: Uint8Array.of(n) }));
    const note = 'text\n\n\u2014 key1 AAAAAQE=\n\u2014 key2 AAAAAgI=\n';
    expect(formatNote('text\n', signatures)).toBe(note);
    expect(parseNote(note).signatures).toMatchObject(signatures);
  });

  test('lines of known keys are verified, all others are given as unknown', async () => {
    const { name, keyId } = key;
    const known = { name, keyId, verify: () => true };
    const lines = [
      { name, keyId, signature: Uint8Array.of(1) },
      { name, keyId: keyId + 1, signature: Uint8Array.of(2) },
      { name: 'other', keyId, signature: Uint8Array.of(3) },
    ];
    const note = await verifyNote(formatNote('text\n', lines), [known]);
    expect(note).toMatchObject({ text: 'text\n', verified: [lines[0]], unknown: [lines[1], lines[2]] });
    expect([note.verified.length, note.unknown.length]).toEqual([1, 2]);
  });

  test('of equal lines one is verified and given, also where each would hold', async () => {
    const { name, keyId } = key;
    let count = 0;
    const verify = (): boolean => {
      count += 1;
      return true;
    };
    const known = { name, keyId, verify };
    const [one, other] = [1, 2].map((byte) => ({ name, keyId, signature: Uint8Array.of(byte) }));
    const stranger = { name: 'other', keyId, signature: Uint8Array.of(3) };
    const lines = [one, stranger, one, other, ...Array.from({ length: 95 }, () => one), stranger];
    const note = await verifyNote(formatNote('text\n', lines as never), [known]);
    expect([note.verified.map(({ signature }) => signature[0]), note.unknown.length, count]).toEqual([
      [1, 2],
      1,
      2,
    ]);
  });

  test('a signature of another length is none, whoever checks it', async () => {
    const { verify } = createNoteVerifier(vkey, () => true);
    const held = await Promise.all([63, 64, 65].map((bytes) => verify(key.publicKey, new Uint8Array(bytes))));
    expect(held).toEqual([false, true, false]);
  });
});

describe('NOTE-2 keys stand alone', () => {
  test.each([
    ['something before a vkey', () => parseVerifierKey(`x+${vkey}`)],
    ['a line after a vkey', () => parseVerifierKey(`${vkey}\nx`)],
    ['something before an skey', () => parseSignerKey(`x${skey}`, () => key.publicKey)],
    ['a line after an skey', () => parseSignerKey(`${skey}\nx`, () => key.publicKey)],
  ])('refused: %s', (_, parse) => {
    expect(codeOf(parse)).toBe('malformed_key');
  });

  test.each([
    ['32 bytes, type 1', ED25519, 32, 'accepted'],
    ['32 bytes, type 4', COSIGNATURE_V1, 32, 'accepted'],
    ['31 bytes', ED25519, 31, 'malformed_key'],
    ['33 bytes', ED25519, 33, 'malformed_key'],
    ['a type that nobody here knows', 2, 32, 'malformed_key'],
  ])('an skey whose id is right, with a seed of %s', (_, type, seedBytes, code) => {
    const keyId = computeKeyId('log', type, key.publicKey);
    const text = formatSignerKey({ ...key, name: 'log', type, keyId, seed: new Uint8Array(seedBytes) });
    expect(codeOf(() => parseSignerKey(text, () => key.publicKey))).toBe(code);
  });

  test.each<[string, number, number, string]>([
    ['1,312 bytes of type 6', ML_DSA_44, 1_312, 'accepted'],
    ['1,311 bytes of type 6', ML_DSA_44, 1_311, 'malformed_key'],
    ['1,313 bytes of type 6', ML_DSA_44, 1_313, 'malformed_key'],
    ['32 bytes of type 6', ML_DSA_44, 32, 'malformed_key'],
    ['no byte of type 6', ML_DSA_44, 0, 'malformed_key'],
    ['1,312 bytes of type 1', ED25519, 1_312, 'malformed_key'],
    ['1,312 bytes of type 4', COSIGNATURE_V1, 1_312, 'malformed_key'],
    ['1,312 bytes of type 5', 5, 1_312, 'malformed_key'],
    ['1,312 bytes of type 7', 7, 1_312, 'malformed_key'],
    ['32 bytes of type 7', 7, 32, 'malformed_key'],
    ['32 bytes of type 5', 5, 32, 'malformed_key'],
  ])('a vkey whose id is right, with %s', (_, type, length, code) => {
    const publicKey = new Uint8Array(length).fill(7);
    const made = { name: 'log', type, publicKey, keyId: computeKeyId('log', type, publicKey) };
    expect(codeOf(() => parseVerifierKey(formatVerifierKey(made)))).toBe(code);
  });

  test('nothing here signs with ML-DSA-44, or verifies what does', () => {
    const pq = vectors.ml_dsa_44.vkey;
    const refused = expect.objectContaining({ code: 'malformed_key' });
    expect(() => createNoteVerifier(pq, ed25519Verify)).toThrow(refused);
    expect(() => createCosignatureVerifier(pq, ed25519Verify)).toThrow(refused);
    const seed = new Uint8Array(32);
    const pqKey = { ...key, name: 'log', type: ML_DSA_44, seed };
    expect(codeOf(() => parseSignerKey(formatSignerKey(pqKey), () => key.publicKey))).toBe('malformed_key');
  });

  test('the key id of an ML-DSA-44 key, as independent code has it', () => {
    const { vkey: text, key_id_hex: id } = vectors.ml_dsa_44;
    const parsed = parseVerifierKey(text);
    expect([formatKeyId(parsed.keyId), parsed.type, parsed.publicKey.length]).toEqual([id, 6, 1_312]);
    expect(formatVerifierKey(parsed)).toBe(text);
    const changed = text.replace(`+${id}+`, `+${formatKeyId(parsed.keyId + 1)}+`);
    expect(codeOf(() => parseVerifierKey(changed))).toBe('malformed_key');
  });

  test('key ids have eight digits', () => {
    expect([0, 0xabc, 2 ** 32 - 1].map(formatKeyId)).toEqual(['00000000', '00000abc', 'ffffffff']);
  });
});

describe('what was wrong with a part is the cause of what is wrong with the whole', () => {
  test.each<[string, () => unknown, string, string]>([
    ['signature', () => parseNote('text\n\n\u2014 log A\n'), 'malformed_note', 'malformed_base64'],
    ['key data', () => parseVerifierKey('log+00000000+A'), 'malformed_key', 'malformed_base64'],
    ['root', () => parseCheckpoint('log\n1\nA\n'), 'malformed_checkpoint', 'malformed_base64'],
    ['size', () => parseCheckpoint('log\n01\nA\n'), 'malformed_checkpoint', 'malformed_number'],
  ])('%s', (_, parse, code, cause) => {
    expect(parse).toThrow(expect.objectContaining({ code, cause: expect.objectContaining({ code: cause }) }));
  });
});
