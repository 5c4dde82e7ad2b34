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
  const line = parseNote(row.cosigned_note).signatures.find((one) => one.name === witness.name);
  const signature = line?.signature ?? new Uint8Array();
  const { ed25519 } = decodeCosignature(signature);

  test.each([
    ['another time', encodeCosignature({ timeSec: row.time + 1, ed25519 })],
    ['no time', ed25519],
    ['a byte too many', Uint8Array.of(...signature, 0)],
    ['a time over 2^53 - 1', Uint8Array.of(0, 32, ...new Uint8Array(6), ...ed25519)],
  ])('%s', async (_, bytes) => {
    expect(await witness.verify(utf8Encode(row.text), bytes)).toBe(false);
  });

  test('another text', async () => {
    expect(await witness.verify(utf8Encode(`${row.text}x\n`), signature)).toBe(false);
  });

  test('a key of another type', () => {
    const create = () => createCosignatureVerifier(vkeyOf('log.example/vectors'), ed25519Verify);
    expect(create).toThrow(expect.objectContaining({ code: 'malformed_key' }));
  });

  test('a length or time that cannot be', () => {
    const malformed = expect.objectContaining({ code: 'malformed_note' });
    expect(() => decodeCosignature(ed25519)).toThrow(malformed);
    expect(() => decodeCosignature(Uint8Array.of(0, 32, ...new Uint8Array(70)))).toThrow(malformed);
    expect(() => cosignatureMessage(row.text, 1.5)).toThrow(RangeError);
    expect(() => cosignatureMessage(row.text, -1)).toThrow(RangeError);
    expect(() => encodeCosignature({ timeSec: 1, ed25519: new Uint8Array(63) })).toThrow(RangeError);
  });
});
