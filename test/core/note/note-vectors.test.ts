import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatBase64 } from '../../../src/core/encoding/base64.ts';
import { TlogError } from '../../../src/core/error.ts';
import { formatCheckpoint, parseCheckpoint, verifyCheckpoint } from '../../../src/core/note/checkpoint.ts';
import { createCosignatureVerifier } from '../../../src/core/note/cosignature.ts';
import {
  checkKeyName,
  ED25519,
  formatKeyId,
  formatSignerKey,
  formatVerifierKey,
  parseSignerKey,
  parseVerifierKey,
} from '../../../src/core/note/key.ts';
import { formatNote, parseNote, verifyNote } from '../../../src/core/note/signed-note.ts';
import { createNoteVerifier, type NoteVerifier } from '../../../src/core/note/verifier.ts';
import { treeSize } from '../../../src/core/units.ts';
import { createSigner, publicKeyOfSeed } from '../../../src/keys/signer.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';

const vectors = JSON.parse(readFileSync('spec/vectors/notes.json', 'utf8'));
const logKey = vectors.keys[0];
const logVerifier = createNoteVerifier(logKey.vkey, ed25519Verify);

function rows(list: { name: string }[]): [string, unknown][] {
  return list.map((row) => [row.name, row]);
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    return error instanceof TlogError ? error.code : String(error);
  }
}

const NOTE_CODES: Record<string, string> = {
  ok: 'ok',
  malformed: 'malformed_note',
  invalid_signature: 'bad_signature',
  no_known_signature: 'unverified_note',
};

/** Where the strict reading of the specification differs from Go's. */
const STRICTER: Record<string, string> = {
  // Go's decoder ignores trailing bits; one accepted spelling is the safe choice for a parser.
  'non-canonical base64 (non-zero trailing bits)': 'malformed_note',
  // Go drops repeats of a key without looking; a bad line of a known key is refused wherever it stands.
  'known key, good first then bad': 'bad_signature',
};

/** Vectors whose verdict knows a witness besides the log. */
const WITNESSED: readonly string[] = [
  'known log signature plus cosignature',
  'good log signature, bad signature of a second known key',
];

function verifiersOf(name: string): NoteVerifier[] {
  const witness = vectors.keys.find((key: { name: string }) => key.name === 'witness.example/a');
  const second = WITNESSED.includes(name) ? [createCosignatureVerifier(witness.vkey, ed25519Verify)] : [];
  return [logVerifier, ...second];
}

describe('NOTE-1 signed notes, by the verdict of independent code', () => {
  test.each(rows(vectors.note_cases))('%s', async (name: string, row: unknown) => {
    const vector = row as { note?: string; note_base64?: string; go_result: string; verified?: string[] };
    const note = vector.note ?? Buffer.from(vector.note_base64 ?? '', 'base64');
    const code = await codeOf(() => verifyNote(note, verifiersOf(name)));
    expect(code).toBe(STRICTER[name] ?? NOTE_CODES[vector.go_result]);
    if (code !== 'ok') return;
    const { verified } = await verifyNote(note, verifiersOf(name));
    const keys = verified.map((line) => `${line.name}+${formatKeyId(line.keyId)}`);
    expect([...new Set(keys)]).toEqual(vector.verified);
  });

  test.each([
    ['no LF at its end', 'text', 'log'],
    ['a control character', 'te\0xt\n', 'log'],
    ['a signer whose name has a space', 'text\n', 'a log'],
  ])('does not make what it could not read: %s', (_, text, name) => {
    const signature = { name, keyId: 1, signature: new Uint8Array(64) };
    expect(() => formatNote(text, [signature])).toThrow(TypeError);
  });

  test('a note is measured in bytes, however few characters it has', () => {
    expect(() => parseNote('\u20ac'.repeat(333_334))).toThrowError(/longer than/);
  });

  test('what is parsed formats to the same bytes', () => {
    const { note } = vectors.checkpoints[2];
    const { text, signatures } = parseNote(note);
    expect(formatNote(text, signatures)).toBe(note);
  });

  test('a name beyond ASCII', () => {
    expect(parseNote(vectors.unicode_note).signatures[0]?.name).toBe('例え.example/ログ');
  });

  test('a note beyond a million characters is refused before it is read', () => {
    expect(() => parseNote(`${'a'.repeat(1_000_001)}`)).toThrowError(/longer than/);
  });
});

describe('NOTE-2 keys', () => {
  const accepted = (row: { name: string; go_accepts: boolean }): boolean =>
    row.go_accepts && !['upper-case hex key id', 'trailing newline'].includes(row.name);

  test.each(rows(vectors.vkey_cases))('vkey: %s', async (_: string, row: unknown) => {
    const vector = row as { name: string; key: string; go_accepts: boolean };
    expect(await codeOf(() => parseVerifierKey(vector.key))).toBe(accepted(vector) ? 'ok' : 'malformed_key');
    if (accepted(vector)) expect(formatVerifierKey(parseVerifierKey(vector.key))).toBe(vector.key);
  });

  test.each(rows(vectors.skey_cases))('skey: %s', async (_: string, row: unknown) => {
    const vector = row as { name: string; key: string; go_accepts: boolean };
    const parse = () => parseSignerKey(vector.key, publicKeyOfSeed);
    expect(await codeOf(parse)).toBe(vector.go_accepts ? 'ok' : 'malformed_key');
    if (vector.go_accepts) expect(formatSignerKey(parse())).toBe(vector.key);
  });

  test.each([
    ['a byte too few', Uint8Array.of(ED25519, ...new Uint8Array(31))],
    ['a byte too many', Uint8Array.of(ED25519, ...new Uint8Array(33))],
    ['a key of another type', Uint8Array.of(2, ...new Uint8Array(32))],
  ])('a private key with %s is refused, and not repeated', (_, data) => {
    const secret = Buffer.from(data).toString('base64');
    const parse = () => parseSignerKey(`PRIVATE+KEY+log+00000000+${secret}`, publicKeyOfSeed);
    expect(parse).toThrow(expect.objectContaining({ code: 'malformed_key' }));
    expect(parse).not.toThrow(secret);
  });

  test.each(['AQ', 'AR==', 'A_==', ' AQ=='])('key data %j is not canonical base64', (data) => {
    for (const parse of [
      parseVerifierKey,
      (text: string) => parseSignerKey(`PRIVATE+KEY+${text}`, publicKeyOfSeed),
    ])
      expect(() => parse(`log+00000000+${data}`)).toThrow(/canonical base64/);
  });

  test.each(['', 'a b', 'a+b', 'a\u00a0b', '\ud800'])('%j is no key name', (name) => {
    expect(() => checkKeyName(name)).toThrow(expect.objectContaining({ code: 'malformed_key' }));
  });

  test('a private key signs what its public key verifies, byte for byte as elsewhere', async () => {
    const signer = createSigner(logKey.skey);
    expect(signer.vkey).toBe(logKey.vkey);
    for (const { text, note } of vectors.checkpoints) {
      const signature = await signer.sign(Buffer.from(text));
      expect(formatNote(text, [{ ...signer, signature }])).toBe(note);
    }
  });

  const Y = (first: number, rest: number, last: number): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? first : i === 31 ? last : rest));
  test.each([
    ['y = 0', Y(0, 0, 0)],
    ['y = 1, the identity', Y(1, 0, 0)],
    ['y = 1 with the sign bit', Y(1, 0, 0x80)],
    ['y = -1', Y(0xec, 0xff, 0x7f)],
    ['y = p, not canonical', Y(0xed, 0xff, 0x7f)],
    ['y = 2^255 - 1, not canonical', Y(0xff, 0xff, 0xff)],
    ['order 8', Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')],
    [
      'order 8, sign bit',
      Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa', 'hex'),
    ],
  ])('refuses a weak key: %s', async (_, publicKey) => {
    const vkey = formatVerifierKey({ name: 'weak', keyId: 0, type: ED25519, publicKey });
    expect(await codeOf(() => parseVerifierKey(vkey))).toBe('weak_key');
  });

  test('a cosignature key cannot sign a log', async () => {
    const cosigner = vectors.keys.find((key: { type: number }) => key.type === 4);
    expect(await codeOf(() => createNoteVerifier(cosigner.vkey, ed25519Verify))).toBe('malformed_key');
  });
});

describe('NOTE-3 checkpoints', () => {
  test.each(rows(vectors.checkpoint_text_cases))('%s', async (_: string, row: unknown) => {
    const { text, spec_valid, name } = row as { text: string; spec_valid: boolean; name: string };
    // The text sets no upper bound; sizes above 2^53 - 1 are refused, never rounded.
    const vector = { text, spec_valid: spec_valid && !/^size 2\^(53\+1|6[34])/.test(name) };
    expect(await codeOf(() => parseCheckpoint(vector.text))).toBe(
      vector.spec_valid ? 'ok' : 'malformed_checkpoint',
    );
    if (vector.spec_valid) expect(formatCheckpoint(parseCheckpoint(vector.text))).toBe(vector.text);
  });

  test('a root hash of another length is refused, and an extension that would read back as two', () => {
    const root = (length: number): string => Buffer.alloc(length).toString('base64');
    for (const length of [31, 33])
      expect(() => parseCheckpoint(`log\n1\n${root(length)}\n`)).toThrow(/32 bytes/);
    const head = { origin: 'log', size: treeSize(1), rootHash: new Uint8Array(32) };
    expect(() => formatCheckpoint({ ...head, extensions: ['a\nb'] })).toThrow(/LF/);
  });

  test.each([
    ['log'.padEnd(255, 'x'), true],
    ['log'.padEnd(256, 'x'), false],
    [`${'é'.repeat(127)}x`, true],
    ['é'.repeat(128), false],
  ])('an origin has at most 255 bytes %#', async (origin, isValid) => {
    const text = `${origin}\n1\n${Buffer.alloc(32).toString('base64')}\n`;
    expect(await codeOf(() => parseCheckpoint(text))).toBe(isValid ? 'ok' : 'malformed_checkpoint');
  });

  test('bytes that are not UTF-8 are no note', async () => {
    const verify = () =>
      verifyCheckpoint(Uint8Array.of(0xff), { origin: 'log', logVerifiers: [logVerifier] });
    expect(await codeOf(verify)).toBe('malformed_note');
  });

  test('the signature comes first, then the origin', async () => {
    const { note, size } = vectors.checkpoints[1];
    const logVerifiers = [logVerifier];
    const checkpoint = await verifyCheckpoint(note, { origin: 'log.example/vectors', logVerifiers });
    expect([checkpoint.size, checkpoint.note]).toEqual([size, note]);
    expect(
      (await verifyCheckpoint(Buffer.from(note), { origin: 'log.example/vectors', logVerifiers })).note,
    ).toBe(note);
    expect(await codeOf(() => verifyCheckpoint(note, { origin: 'other', logVerifiers }))).toBe(
      'wrong_origin',
    );
    expect(await codeOf(() => verifyCheckpoint(note, { origin: 'other', logVerifiers: [] }))).toBe(
      'unverified_note',
    );
    expect(formatBase64(checkpoint.rootHash).length).toBe(44);
  });
});
