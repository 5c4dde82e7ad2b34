import { createHash } from 'node:crypto';
import { decode, encode } from 'cborg';
import { describe, expect, test } from 'vitest';
import { CborReader } from '../../../src/core/encoding/canonical-cbor.ts';
import { canonicalJson } from '../../../src/core/encoding/canonical-json.ts';
import { formatHex, parseHex } from '../../../src/core/encoding/hex.ts';
import {
  commitmentOf,
  commitmentTo,
  portableEventHasher,
  slotDigest,
  slotSalts,
} from '../../../src/core/event/commitment.ts';
import { decodeLeaf, encodeLeaf, labelOf } from '../../../src/core/event/leaf.ts';
import { eventVectors, factsOf } from './vectors.ts';

describe('EVENT-5 salts, digests and commitment', () => {
  test.each(eventVectors.leaves)('$name', ({ seed, salts, values, digests, commitment }) => {
    const ours = slotSalts(portableEventHasher, parseHex(seed));
    expect(ours.map(formatHex)).toEqual(salts);
    const made = ours.map((salt, slot) =>
      slotDigest(portableEventHasher, slot, { salt, value: JSON.parse(values[slot] ?? 'null') }),
    );
    expect(made.map(formatHex)).toEqual(digests);
    expect(formatHex(commitmentOf(portableEventHasher, made))).toBe(commitment);
  });

  test.each([
    1, 1_000, 4_020, 5_000, 48_000,
  ])('of a text of %i characters, of one to four bytes each', (length) => {
    const [seed, data] = [new Uint8Array(32).fill(9), { a: 'aé€😀'.repeat(length / 4), b: 'z' }];
    const text = Buffer.from(canonicalJson({ actor: { id: 'i' }, data }));
    const salts = slotSalts(portableEventHasher, seed);
    const digests = salts.map((salt, slot) => {
      const part = ['', '', '{"actor":{"id":"i"}}', '', '', '', '', canonicalJson({ data }), ''][slot] ?? '';
      const head = [...Buffer.from('stele/slot/v1\0'), ...salt, slot, part === '' ? 0 : 1];
      return Uint8Array.from(createHash('sha256').update(Uint8Array.from(head)).update(part).digest());
    });
    const expected = commitmentOf(portableEventHasher, digests);
    expect(commitmentTo(portableEventHasher, text, seed)).toEqual(expected);
    // A longer text must leave nothing behind in what is hashed next.
    expect(commitmentTo(portableEventHasher, text, seed)).toEqual(expected);
  });

  test('other lengths are our own bugs', () => {
    const hash = new Uint8Array(32);
    expect(() => slotSalts(portableEventHasher, new Uint8Array(31))).toThrow(RangeError);
    expect(() => commitmentOf(portableEventHasher, new Array(8).fill(hash))).toThrow(RangeError);
    expect(() => commitmentOf(portableEventHasher, [...new Array(8).fill(hash), new Uint8Array(31)])).toThrow(
      RangeError,
    );
  });
});

describe('EVENT-6 the entry of a leaf', () => {
  test.each(eventVectors.leaves)('$name', (vector) => {
    const leaf = { ...factsOf(vector), commitment: parseHex(vector.commitment) };
    expect(formatHex(encodeLeaf(leaf))).toBe(vector.entry);
    expect(formatHex(portableEventHasher.leafHash(encodeLeaf(leaf)))).toBe(vector.leafHash);
    expect(decodeLeaf(parseHex(vector.entry))).toEqual(leaf);
    const other = decode(parseHex(vector.entry), { useMaps: true, strict: true });
    expect([other.get(1), other.get(2), formatHex(other.get(3))]).toEqual([
      vector.type,
      vector.received,
      vector.commitment,
    ]);
  });

  test('labels are members of the event', () => {
    const event = { kind: 'api', service: { name: 's' } } as const;
    expect([labelOf(event, 'kind'), labelOf(event, 'service.name'), labelOf({}, 'service.name')]).toEqual([
      ...['api', 's', undefined],
    ]);
  });
});

const hash = `035820${'07'.repeat(32)}`;
/** A leaf of so many pairs, of a type, with pairs behind the four that all have. */
const leaf = (count: number, type: number, rest = '', time = '1903e8'): string =>
  `${(0xa0 + count).toString(16)}0001010${type}02${time}${hash}${rest}`;
const text = (value: string): string => formatHex(encode(value));
/** `a` within so many maps and lists, in turn. */
const deep = (levels: number): string => `${'a10081'.repeat(levels / 2)}00`;

describe('EVENT-7 a leaf has one form', () => {
  test.each([
    ['the least', leaf(4, 0)],
    ['time 0', leaf(4, 0, '', '00')],
    ['a time of 32 bits', leaf(4, 0, '', '1affffffff')],
    ['the last time', leaf(4, 0, '', '1b001fffffffffffff')],
    ['no mark', leaf(5, 0, '0640')],
    ['two marks', leaf(5, 0, `065820${'00'.repeat(32)}`)],
    [
      'all labels',
      leaf(
        5,
        0,
        `04a4${['kind', 'a', 'outcome', '', 'operation', 'é', 'service.name', 'b'].map(text).join('')}`,
      ),
    ],
    ['an empty map as content', leaf(5, 4, '05a0')],
    ['any values in content', leaf(5, 1, '05a600f401f502f60381410404616120a0')],
    ['content nested 16 deep', leaf(5, 2, `05${deep(16)}`)],
  ])('%s', (_, hex) => {
    expect(formatHex(encodeLeaf(decodeLeaf(parseHex(hex))))).toBe(hex);
  });

  test.each([
    ['nothing', '', 'cut off'],
    ['no map', '80', 'major type 4'],
    ['an empty map', 'a0', 'key 0 is missing'],
    ['version 2', leaf(4, 0).replace('0001', '0002'), 'version 2'],
    ['type 5', leaf(4, 5), 'type 5'],
    ['three pairs', leaf(3, 0), 'key 3 is missing'],
    ['five pairs of four', leaf(5, 0), 'a key that is not known'],
    ['a key too many', leaf(5, 0, '0700'), 'a key that is not known'],
    ['bytes behind its end', leaf(4, 0, '00'), '1 bytes behind its end'],
    ['a short commitment', leaf(4, 0).replace(hash, '0341ff'), 'a commitment of 1 bytes'],
    ['a commitment cut off', leaf(4, 0).slice(0, -2), 'cut off'],
    ['a commitment as text', leaf(4, 0).replace(hash, '036161'), 'major type 3'],
    ['a time that is cut off', 'a400010100021a00', 'cut off'],
    ['a time with a shorter form', leaf(4, 0, '', '1817').replace('1817', '1816'), 'shorter form'],
    ['a time with a shorter form of 16 bits', leaf(4, 0, '', '1900ff'), 'shorter form'],
    ['a time with a shorter form of 64 bits', leaf(4, 0, '', '1b00000000ffffffff'), 'shorter form'],
    ['a time beyond 2^53 − 1', leaf(4, 0, '', '1b0020000000000000'), 'beyond 2^53'],
    ['a negative time', leaf(4, 0, '', '20'), 'major type 1'],
    ['a length that is not definite', leaf(4, 0).replace('a4', 'bf'), 'not definite'],
    ['labels that are empty', leaf(5, 0, '04a0'), 'never empty'],
    ['a label that is not public', leaf(5, 0, `04a1${text('tenant')}${text('a')}`), 'a label is not public'],
    ['a label twice', leaf(5, 0, `04a2${text('kind')}6161${text('kind')}6161`), 'there twice'],
    ['labels out of order', leaf(5, 0, `04a2${text('operation')}6161${text('outcome')}6161`), 'in its place'],
    ['a label that is no UTF-8', leaf(5, 0, `04a1${text('kind')}61ff`), 'not UTF-8'],
    ['content of an event', leaf(5, 0, '05a0'), 'content is of all types but events'],
    ['a hold without content', leaf(4, 3), 'content is of all types but events'],
    ['content that is a list', leaf(5, 1, '0580'), 'major type 4'],
    ['keys of content that do not ascend', leaf(5, 1, '05a201000000'), 'do not ascend'],
    ['keys of content that are equal', leaf(5, 1, '05a200000000'), 'do not ascend'],
    ['a longer key before a shorter', leaf(5, 1, '05a2626161006162' + '00'), 'do not ascend'],
    ['a tag in content', leaf(5, 1, '05a100c000'), 'a tag'],
    ['a float in content', leaf(5, 1, '05a100f93c00'), 'a tag, or a value of another kind'],
    ['a text of content that is no UTF-8', leaf(5, 1, '05a10061ff'), 'not UTF-8'],
    ['content nested deeper', leaf(5, 1, `05${deep(18)}`), 'nested deeper than 16'],
    ['a list of too many', leaf(5, 1, '05a1009affffffff'), 'cut off'],
    ['marks of 15 bytes', leaf(5, 0, `064f${'00'.repeat(15)}`), 'marks of 15 bytes'],
    ['marks before content', leaf(6, 1, '064005a0'), 'not in its place'],
  ])('refused: %s', (_, hex, why) => {
    expect(() => decodeLeaf(parseHex(hex))).toThrow(
      expect.objectContaining({ code: 'malformed_leaf', message: expect.stringContaining(why) }),
    );
  });

  test('reads what is in memory of its own', () => {
    const entry = parseHex(leaf(4, 0));
    const read = decodeLeaf(entry);
    entry.fill(0);
    expect(formatHex(read.commitment)).toBe('07'.repeat(32));
  });

  test('a map read alone shares memory', () => {
    const bytes = parseHex('a10001');
    expect(new CborReader(bytes, (why) => new Error(why)).map().buffer).toBe(bytes.buffer);
  });
});
