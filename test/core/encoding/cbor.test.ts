import { Encoder } from 'cbor-x';
import { encode as oracle } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCbor } from '../../../src/core/encoding/cbor.ts';
import { isBrief } from '../scale.ts';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true });
const RUNS = { numRuns: isBrief ? 20 : 100 };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

describe('PROOF-4 CBOR is read in one strict form', () => {
  test.each<[string, unknown]>([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1affffffff', 2 ** 32 - 1],
    ['fb41f0000000000000', 2 ** 32],
    ['fb433fffffffffffff', 2 ** 53 - 1],
    ['20', -1],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['60', ''],
    ['80', []],
    ['8201820203', [1, [2, 3]]],
    ['a16161f5', { a: true }],
    [`${'a16161'.repeat(16)}00`, JSON.parse(`${'{"a":'.repeat(16)}0${'}'.repeat(16)}`)],
    [`${'81'.repeat(16)}00`, JSON.parse(`${'['.repeat(16)}0${']'.repeat(16)}`)],
  ])('%s is read', (text, value) => {
    expect(decodeCbor(hex(text))).toEqual(value);
  });

  test.each([
    ['nothing', ''],
    ['trailing bytes', '0000'],
    ['a longer form than needed', '1817'],
    ['a longer form than needed', '190018'],
    ['a longer form than needed', '1a00000100'],
    ['an integer of 8 bytes', '1b0000000100000000'],
    ['cut off in a number', '18'],
    ['cut off in a float', 'fb41f0'],
    ['a fraction', 'fb3ff8000000000000'],
    ['a small number as float', 'fb4000000000000000'],
    ['2^53', 'fb4340000000000000'],
    ['NaN', 'fb7ff8000000000000'],
    ['half float', 'f93c00'],
    ['undefined', 'f7'],
    ['break', 'ff'],
    ['cut off in bytes', '42ff'],
    ['not UTF-8', '62c328'],
    ['indefinite bytes', '5f4100ff'],
    ['indefinite list', '9fff'],
    ['indefinite map', 'bfff'],
    ['cut off in a list', '8301'],
    ['a list of 2^32 - 1 in five bytes', '9affffffff'],
    ['a list of 2^64 - 1', '9bffffffffffffffff'],
    ['a map of 2^32 - 1', 'baffffffff'],
    ['a key twice', 'a2616101616102'],
    ['a key that is no text', 'a10102'],
    ['a member without value', 'a16161'],
    ['a tag', 'c000'],
    ['a tag of nothing', 'c0'],
    ['a simple value without a name', 'e0'],
    ['a simple value below false', 'f3'],
    ['half float, and more', 'f941f0000000000000'],
    ['maps nested too deep', `${'a16161'.repeat(17)}00`],
    ['nested too deep', `${'81'.repeat(17)}00`],
    ['nested without end', '81'.repeat(isBrief ? 100 : 1_000_000)],
  ])('%s is refused', (_, text) => {
    expect(() => decodeCbor(hex(text))).toThrow(expect.objectContaining({ code: 'malformed_cbor' }));
  });

  test('reads what cbor-x writes of answers, and what another encoder writes of them below 2^32', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const answer = fc.record({
      index: fc.maxSafeNat(),
      hashes: fc.array(hash),
      note: fc.string(),
      isNew: fc.boolean(),
    });
    fc.assert(
      fc.property(answer, (value) => {
        expect(plain(decodeCbor(new Uint8Array(encoder.encode(value))))).toEqual(value);
        if (value.index < 2 ** 32) expect(plain(decodeCbor(oracle(value)))).toEqual(value);
      }),
      RUNS,
    );
  });

  test('never throws anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decodeCbor(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'malformed_cbor' });
        }
      }),
      RUNS,
    );
  });
});

/** cbor-x may give Buffers, which equal only Buffers. */
function plain(value: unknown): unknown {
  const answer = value as { readonly hashes: readonly Uint8Array[] };
  return { ...answer, hashes: answer.hashes.map((bytes) => Uint8Array.from(bytes)) };
}
