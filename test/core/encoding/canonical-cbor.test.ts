import { encode as oracle } from 'cborg';
import { describe, expect, test } from 'vitest';
import {
  CBOR,
  CborReader,
  cborBytes,
  cborHead,
  cborText,
} from '../../../src/core/encoding/canonical-cbor.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const reader = (text: string): CborReader => new CborReader(unhex(text), (why) => new SyntaxError(why));
const EDGES = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

describe('EVENT-7 CBOR has one form', () => {
  test.each(EDGES)('%d is written as short as can be, and read', (number) => {
    const head = cborHead(CBOR.uint, number);
    expect(hex(head)).toBe(hex(oracle(number)));
    const read = reader(hex(head));
    expect(read.head(CBOR.uint)).toBe(number);
    read.end();
  });

  test.each([
    [CBOR.uint, 0x1b],
    [CBOR.bytes, 0x5b],
    [CBOR.text, 0x7b],
    [CBOR.list, 0x9b],
    [CBOR.map, 0xbb],
  ])('major type %d is in the first byte', (major, first) => {
    expect([cborHead(major, 5)[0], cborHead(major, 2 ** 40)[0]]).toEqual([major * 32 + 5, first]);
    expect(reader(hex(cborHead(major, 2 ** 40))).head(major)).toBe(2 ** 40);
  });

  test.each([0, 23, 24, 300])('bytes and text of length %d', (length) => {
    const [bytes, text] = [
      new Uint8Array(length).fill(7),
      'é'.repeat(length / 2).padEnd(length - (length >> 1), 'a'),
    ];
    expect(hex(Buffer.concat(cborBytes(bytes)))).toBe(hex(oracle(bytes)));
    expect(hex(Buffer.concat(cborText(text)))).toBe(hex(oracle(text)));
    expect(reader(hex(oracle(bytes))).bytes()).toEqual(bytes);
    expect(reader(hex(oracle(text))).text()).toBe(text);
  });

  test('items follow each other', () => {
    const read = reader('f6014102616103');
    expect([read.takes(0xf5), read.takes(0xf6), read.takes(0xf6)]).toEqual([false, true, false]);
    expect([read.head(CBOR.uint), hex(read.bytes()), read.text(), read.head(CBOR.uint)]).toEqual([
      1,
      '02',
      'a',
      3,
    ]);
    expect(read.takes(0)).toBe(false);
    read.end();
  });

  test.each<[string, string, (read: CborReader) => unknown]>([
    ['nothing', '', (read) => read.head(CBOR.uint)],
    ['another major type', '41aa', (read) => read.head(CBOR.uint)],
    ['bytes for a text', '41aa', (read) => read.text()],
    ['a text for bytes', '6161', (read) => read.bytes()],
    ['bytes behind the end', '0101', (read) => [read.head(CBOR.uint), read.end()]],
    ['23 in two bytes', '1817', (read) => read.head(CBOR.uint)],
    ['255 in three bytes', '1900ff', (read) => read.head(CBOR.uint)],
    ['65,535 in five bytes', '1a0000ffff', (read) => read.head(CBOR.uint)],
    ['2^32 - 1 in nine bytes', '1b00000000ffffffff', (read) => read.head(CBOR.uint)],
    ['2^53', '1b0020000000000000', (read) => read.head(CBOR.uint)],
    ['2^64 - 1', '1bffffffffffffffff', (read) => read.head(CBOR.uint)],
    ['a reserved length', '1c00', (read) => read.head(CBOR.uint)],
    ['a length without end', '5f4100ff', (read) => read.bytes()],
    ['a number that is cut off', '1901', (read) => read.head(CBOR.uint)],
    ['bytes that are cut off', '42aa', (read) => read.bytes()],
    ['a text that is cut off', '6261', (read) => read.text()],
    ['a text that is not UTF-8', '61ff', (read) => read.text()],
  ])('%s is refused', (_, text, read) => {
    expect(() => read(reader(text))).toThrow(SyntaxError);
  });
});

describe('EVENT-7 a map is read whole, whatever is in it', () => {
  const nested = (depth: number): string => `a100${'81'.repeat(depth)}00`;

  test.each<[string, string]>([
    ['no member', 'a0'],
    ['numbers in their order', 'a30000010017f5'],
    ['numbers of two lengths', 'a217001818f4'],
    ['a number, then a text', 'a20100616100'],
    ['texts by length, then by bytes', 'a3616100616200626161f6'],
    ['true, false and null', 'a300f401f502f6'],
    ['bytes, a text, a list and a map', 'a40041010161610282000103a10000'],
    ['negative numbers', 'a10020'],
    ['lists in lists', nested(15)],
    ['maps in maps', `${'a100'.repeat(16)}00`],
  ])('%s', (_, text) => {
    const read = reader(`${text}05`);
    expect(hex(read.map())).toBe(text);
    expect(read.head(CBOR.uint)).toBe(5);
  });

  test.each<[string, string]>([
    ['no map', '80'],
    ['a member too few', 'a100'],
    ['one of two members', 'a20000'],
    ['a key twice', 'a200000001'],
    ['keys that go down', 'a201000000'],
    ['texts that go down', 'a2616200616100'],
    ['a longer text before a shorter', 'a262616100616100'],
    ['a text before a number', 'a26161000100'],
    ['bytes that are cut off', 'a1004200'],
    ['a text that is not UTF-8', 'a10061ff'],
    ['a list that is cut off', 'a1008200'],
    ['a map in it whose keys go down', 'a100a201000000'],
    ['a tag', 'a100c000'],
    ['undefined', 'a100f7'],
    ['a float', 'a100fb3ff8000000000000'],
    ['a simple value', 'a100f3'],
    ['a number in a longer form', 'a1001817'],
    ['lists nested too deep', nested(16)],
    ['maps nested too deep', `${'a100'.repeat(17)}00`],
    ['a list of 2^53 - 1', 'a1009b001fffffffffffff'],
  ])('%s is refused', (_, text) => {
    expect(() => reader(text).map()).toThrow(SyntaxError);
  });
});
