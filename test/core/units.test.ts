import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, TlogError } from '../../src/core/error.ts';
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

describe('errors', () => {
  test.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s has its kind', (code) => {
    expect(new TlogError(code, 'why').kind).toBe(ERROR_CODES[code].kind);
  });

  test('an error carries its cause and its facts, and none where there are none', () => {
    const cause = new Error('beneath');
    const full = new TlogError('guard_ahead', 'why', { cause, details: { dataSize: 1 } });
    expect([full.cause, full.details, full.message, full.name]).toEqual([
      cause,
      { dataSize: 1 },
      'why',
      'TlogError',
    ]);
    const bare = new TlogError('not_found', 'why');
    expect(['cause' in bare, bare.details]).toEqual([false, {}]);
  });
});
