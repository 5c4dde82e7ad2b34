import { describe, expect, test } from 'vitest';
import { formatBase64, parseBase64 } from '../../../src/core/encoding/base64.ts';
import { formatHex, parseHex } from '../../../src/core/encoding/hex.ts';
import { utf8Decode, utf8Encode, utf8EncodeInto, utf8EncodeShared } from '../../../src/core/encoding/utf8.ts';
import { isBrief } from '../scale.ts';

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, i) => i);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('TREE-10 base64 has one spelling', () => {
  test('each length agrees with the platform, both ways', () => {
    for (let length = 0; length <= (isBrief ? 12 : 256); length += 1) {
      const part = EVERY_BYTE.subarray(0, length);
      const text = Buffer.from(part).toString('base64');
      expect(formatBase64(part)).toBe(text);
      expect(parseBase64(text)).toEqual(part);
    }
  });

  test('megabytes need no more stack than a few bytes', () => {
    const part = new Uint8Array(isBrief ? 6 : 6 * 1_024 * 1_024).fill(0xa5);
    const text = Buffer.from(part).toString('base64');
    expect(Buffer.from(part).equals(parseBase64(text))).toBe(true);
    expect(() => parseBase64(`${text.slice(0, -4)}====`)).toThrow('not canonical');
  });

  test.each([
    ['QQ', 'no padding'],
    ['QQ=', 'half of the padding'],
    ['QQ===', 'too much padding'],
    ['QUI', 'three letters'],
    ['QR==', 'spare bits behind one byte'],
    ['QUJ=', 'spare bits behind two bytes'],
    ['=QQ=', 'padding in front'],
    ['QQ==QQ==', 'padding inside'],
    ['QQ==\n', 'a line end'],
    [' QQ==', 'a space'],
    ['QU-_', 'the alphabet of URLs'],
    ['QU\u212a=', 'a letter of another script'],
    ['====', 'nothing but padding'],
    ['A', 'one letter'],
  ])('refuses %j: %s', (text) => {
    expect(() => parseBase64(text)).toThrow(expect.objectContaining({ code: 'malformed_base64' }));
  });
});

describe('TREE-10 hex has one spelling', () => {
  test('every byte, both ways', () => {
    const text = Buffer.from(EVERY_BYTE).toString('hex');
    expect(formatHex(EVERY_BYTE)).toBe(text);
    expect(parseHex(text)).toEqual(EVERY_BYTE);
    expect(parseHex(text, 256)).toEqual(EVERY_BYTE);
    expect(parseHex('')).toEqual(bytes());
  });

  test.each<[string, number | undefined]>([
    ['AB', undefined],
    ['a', undefined],
    ['abc', undefined],
    ['0x', undefined],
    ['zz', undefined],
    ['ab ', undefined],
    ['ab\n', undefined],
    ['ab', 2],
    ['abab', 1],
    ['', 1],
    ['\uff11\uff12', undefined],
  ])('refuses %j as %s bytes', (text, length) => {
    expect(() => parseHex(text, length)).toThrow(expect.objectContaining({ code: 'malformed_hex' }));
  });
});

describe('TREE-10 UTF-8 is read strictly', () => {
  test.each(['', 'a', '\u00e9', '\u20ac', '\u{1f600}', '\ufeffa', 'a\0b'])('%j comes back', (text) => {
    expect(utf8Encode(text)).toEqual(new Uint8Array(Buffer.from(text)));
    expect(utf8Decode(utf8Encode(text))).toBe(text);
    expect(utf8EncodeShared(text)).toEqual(utf8Encode(text));
    const room = new Uint8Array(3 * text.length);
    expect(room.subarray(0, utf8EncodeInto(text, room))).toEqual(utf8Encode(text));
  });

  test('short texts share memory and long ones have their own, and none changes another', () => {
    const texts = [1, 4_095, 4_096, 4_097, 4_098].map((length) => '\u20ac'.repeat(length));
    const encoded = [...texts, ...texts].map(utf8EncodeShared);
    expect(encoded).toEqual([...texts, ...texts].map(utf8Encode));
    expect(encoded.map((part) => part.buffer.byteLength === part.length)).toEqual([
      ...[false, false, false, true, true],
      ...[false, false, false, true, true],
    ]);
  });

  test.each([
    [bytes(0xff), 'a byte that never occurs'],
    [bytes(0xc0, 0x80), 'an overlong NUL'],
    [bytes(0xe2, 0x82), 'a cut-off sequence'],
    [bytes(0xed, 0xa0, 0x80), 'a surrogate'],
    [bytes(0xf4, 0x90, 0x80, 0x80), 'beyond U+10FFFF'],
  ])('%j is none: %s', (input) => expect(utf8Decode(input)).toBeUndefined());
});
