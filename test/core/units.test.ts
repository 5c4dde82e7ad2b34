import { describe, expect, test } from 'vitest';
import { leafIndex, parseDecimal, parseLeafIndex, parseTreeSize, treeSize } from '../../src/core/units.ts';

describe('TREE-11 sizes and indexes from outside', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['10', 10],
    ['4294967296', 2 ** 32],
    ['9007199254740991', 2 ** 53 - 1],
  ])('accepts %j', (text, number) => {
    expect([parseDecimal(text), parseTreeSize(text), parseLeafIndex(text)]).toEqual([number, number, number]);
  });

  test.each([
    ...[
      '',
      ' ',
      '00',
      '01',
      '+1',
      '-0',
      '-1',
      '1.',
      '1.0',
      '.1',
      '1e3',
      '0x10',
      '0b1',
      '0o7',
      '1n',
      '1_0',
      '1,0',
    ],
    ...[' 1', '1 ', '1\n', '\t1', '1\0', '\uff11', '\u0661', '\u00b2', 'NaN', 'Infinity', 'null', 'true'],
    ...[
      '9007199254740992',
      '9007199254740993',
      '18446744073709551615',
      '18446744073709551616',
      '1'.repeat(400),
    ],
  ])('refuses %j', (text) => {
    for (const parse of [parseDecimal, parseTreeSize, parseLeafIndex])
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'malformed_number' }));
  });
});

describe('TREE-11 sizes and indexes from inside', () => {
  test.each([0, 1, 2 ** 53 - 1])('%d is one', (n) => expect([treeSize(n), leafIndex(n)]).toEqual([n, n]));
  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('%d is an own bug', (n) => {
    expect(() => treeSize(n)).toThrow(RangeError);
    expect(() => leafIndex(n)).toThrow(RangeError);
  });
});
