import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../src/core/encoding/utf8.ts';
import {
  cosignatureMessage,
  createCosignatureVerifier,
  decodeCosignature,
  encodeCosignature,
} from '../../../src/core/note/cosignature.ts';
import { parseNote, verifyNote } from '../../../src/core/note/signed-note.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';

interface Row {
  readonly size: number;
  readonly text: string;
  readonly cosignature_message_a: string;
  readonly cosigned_note: string;
  readonly time: number;
}
interface Key {
  readonly name: string;
  readonly vkey: string;
}
const vectors: { keys: Key[]; checkpoints: Row[] } = JSON.parse(
  readFileSync('spec/vectors/notes.json', 'utf8'),
);

function vkeyOf(name: string): string {
  return vectors.keys.find((key) => key.name === name)?.vkey ?? '';
}
const witness = createCosignatureVerifier(vkeyOf('witness.example/a'), ed25519Verify);

describe('NOTE-4 cosignature/v1, by vectors of independent code', () => {
  test.each(vectors.checkpoints)('size $size: the message', (row) => {
    expect(utf8Decode(cosignatureMessage(row.text, row.time))).toBe(row.cosignature_message_a);
  });

  test.each(vectors.checkpoints)('size $size: the signature, its time and its payload', async (row) => {
    const { verified } = await verifyNote(row.cosigned_note, [witness]);
    const signature = verified[0]?.signature ?? new Uint8Array();
    expect(verified).toHaveLength(1);
    expect(witness.time(signature)).toBe(row.time);
    expect(encodeCosignature(decodeCosignature(signature))).toEqual(signature);
  });
});

describe('NOTE-4 what a cosignature verifier refuses', () => {
  const row = vectors.checkpoints[0] as Row;
  const time = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
  // Not before a test runs: a mutant that breaks all of them must fail tests, not their collection.
  const ofRow = (): Uint8Array =>
    parseNote(row.cosigned_note).signatures.find((one) => one.name === witness.name)?.signature ??
    new Uint8Array();
  const halves = (): [Uint8Array, Uint8Array] => [ofRow().slice(0, 8), ofRow().slice(8)];

  test.each<[string, (time: Uint8Array, ed25519: Uint8Array) => Uint8Array, boolean]>([
    ['nothing changed', (at, ed25519) => Uint8Array.of(...at, ...ed25519), true],
    ['another time', (_, ed25519) => encodeCosignature({ timeSec: row.time + 1, ed25519 }), false],
    ['no time', (_, ed25519) => ed25519, false],
    ['a byte too many', (at, ed25519) => Uint8Array.of(...at, ...ed25519, 0), false],
    ['a time over 2^53 - 1', (_, ed25519) => Uint8Array.of(0, 32, ...new Uint8Array(6), ...ed25519), false],
  ])('%s', async (_, change, holds) => {
    expect(await witness.verify(utf8Encode(row.text), change(...halves()))).toBe(holds);
  });

  test('another text', async () => {
    expect(await witness.verify(utf8Encode(`${row.text}x\n`), ofRow())).toBe(false);
  });

  test('a key of another type', () => {
    const create = () => createCosignatureVerifier(vkeyOf('log.example/vectors'), ed25519Verify);
    expect(create).toThrow(expect.objectContaining({ code: 'malformed_key' }));
  });

  test.each([
    ['nothing', '', 0],
    ['a byte too few', '0000000000000000', 63],
    ['a byte too many', '0000000000000000', 65],
    ['2^53', '0020000000000000', 64],
  ])('cannot be read: %s', (_, start, rest) => {
    const bytes = Uint8Array.of(...time(start), ...new Uint8Array(rest));
    expect(() => decodeCosignature(bytes)).toThrow(expect.objectContaining({ code: 'malformed_note' }));
  });

  test.each([
    ['0', 0, '0000000000000000'],
    ['1', 1, '0000000000000001'],
    ['2^53 - 1', 2 ** 53 - 1, '001fffffffffffff'],
  ])('a time of %s is written and read', (_, timeSec, start) => {
    const ed25519 = new Uint8Array(64).fill(7);
    const bytes = Uint8Array.of(...time(start), ...ed25519);
    expect(encodeCosignature({ timeSec, ed25519 })).toEqual(bytes);
    expect(decodeCosignature(bytes)).toEqual({ timeSec, ed25519 });
    expect(utf8Decode(cosignatureMessage('text\n', timeSec))).toBe(`cosignature/v1\ntime ${timeSec}\ntext\n`);
  });

  test.each([-1, 1.5, 2 ** 53, Number.NaN])('a time of %d is not written', (timeSec) => {
    expect(() => cosignatureMessage(row.text, timeSec)).toThrow(RangeError);
    expect(() => encodeCosignature({ timeSec, ed25519: new Uint8Array(64) })).toThrow(RangeError);
  });

  test.each([0, 63, 65])('a signature of %d bytes is not written', (length) => {
    expect(() => encodeCosignature({ timeSec: 1, ed25519: new Uint8Array(length) })).toThrow(RangeError);
  });
});
