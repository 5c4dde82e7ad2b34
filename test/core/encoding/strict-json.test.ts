import { describe, expect, test } from 'vitest';
import { canonicalJson, isList, isObject } from '../../../src/core/encoding/canonical-json.ts';
import {
  type JsonValue,
  parseForeignJson,
  parseStrictJson,
  pointerTo,
  strictListItems,
} from '../../../src/core/encoding/strict-json.ts';
import { isBrief } from '../scale.ts';

const refuse = (pointer: string, why: string): Error => new SyntaxError(`${pointer}: ${why}`);
const parse = (text: string, depthMax = 3): JsonValue => parseStrictJson(text, depthMax, refuse);

describe('EVENT-1 strict JSON', () => {
  test.each([
    ['null', null],
    [' true ', true],
    ['\t\r\nfalse', false],
    ['0', 0],
    ['-1', -1],
    ['9007199254740991', 2 ** 53 - 1],
    ['-9007199254740991', 1 - 2 ** 53],
    ['""', ''],
    ['"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u20acé😀\\ud83d\\ude00"', 'a"\\/\b\f\n\r\t€é😀😀'],
    ['[]', []],
    ['[ 1 , [2] ]', [1, [2]]],
    ['{ }', {}],
    ['{"a":{"b":[1]},"":2}', { a: { b: [1] }, '': 2 }],
    ['{"toString":1}', { toString: 1 }],
  ])('accepts %j', (text, value) => {
    expect(parse(text)).toEqual(value);
    expect(JSON.parse(text)).toEqual(value);
  });

  const LENGTHS = [254, 255, 256, 257, 300];
  test.each(LENGTHS)('texts of %i plain characters and what follows are those of JSON.parse', (length) => {
    for (const rest of ['', ' ', '\\"', '\\\\', '\\u0041z', '€\ud7ff\ue000\uffff', '😀', 'b'.repeat(300)])
      for (const text of [rest, `${rest}a`, `${rest}\\n${'a'.repeat(300)}😀`]) {
        const json = `["${'a'.repeat(length)}${text}","b"]`;
        expect(parse(json)).toEqual(JSON.parse(json));
      }
  });

  test.each(LENGTHS)('texts of %i plain characters are refused for what follows', (length) => {
    const plain = `"${'a'.repeat(length)}`;
    expect(() => parse(plain)).toThrow(': a text has no end');
    expect(() => parse(`${plain}\\"`)).toThrow(': a text has no end');
    expect(() => parse(`${plain}\u001f"`)).toThrow(': a text has a control character');
    expect(() => parse(`${plain}\ud800"`)).toThrow(': a text has half of a surrogate pair');
    expect(() => parse(`${plain}\udfff"`)).toThrow(': a text has half of a surrogate pair');
    expect(() => parse(`${plain}\\x"`)).toThrow(': a text has an escape that is none');
  });

  test.each([
    ['[]', []],
    [' [ ] ', []],
    ['[1]', [[1, 2]]],
    [
      '[ {"a":[2]} ,"b"]\n',
      [
        [{ a: [2] }, 11],
        ['b', 16],
      ],
    ],
  ])('gives the items of %j one by one, with the place behind each', (text, expected) => {
    const items = [...strictListItems(text, 3, refuse)].map(({ value, end }) => [value, end]);
    expect(items).toEqual(expected);
    expect(items.map(([value]) => value)).toEqual(parse(text));
  });

  test.each([
    ['', 0, ': the list is missing'],
    ['{}', 0, ': the list is missing'],
    ['[1', 1, ': a comma or the end of it is missing'],
    ['[1,]', 1, '/1'],
    ['[1] 2', 1, ': there is text behind its end'],
    ['[1,[[[]]]]', 1, '/1/0/0'],
  ])('refuses %j after %i items', (text, count, message) => {
    const items = strictListItems(text, 3, refuse);
    for (let i = 0; i < count; i += 1) expect(items.next().done).toBe(false);
    expect(() => items.next()).toThrow(message);
  });

  test('__proto__ is a member like any other', () => {
    const value = parse('{"__proto__":{"a":1},"b":2}');
    expect(canonicalJson(value)).toBe('{"__proto__":{"a":1},"b":2}');
    expect(() => parse('{"__proto__":1,"__proto__":2}')).toThrow('/__proto__: this member is there twice');
  });

  test.each([
    ['', ': a value is missing'],
    ['\ufeff1', ': a value is missing'],
    ['1 2', ': there is text behind its end'],
    ['[1', ': a comma or the end'],
    ['[1,]', '/1: a value is missing'],
    ['[,1]', '/0: a value is missing'],
    ['[1}', ': a comma or the end'],
    ['{"a":1', ': a comma or the end'],
    ['{"a":1,}', ': the name of a member is missing'],
    ['{a:1}', ': the name of a member is missing'],
    ['{"a" 1}', '/a: the colon behind a name is missing'],
    ['{"a":}', '/a: a value is missing'],
    ['{"a":1,"\\u0061":2}', '/a: this member is there twice'],
    ['{"a/b~":x}', '/a~1b~0: a value is missing'],
    ['{"a":[1,{"b":1.5}]}', '/a/1/b: numbers are whole'],
    ['"a', ': a text has no end'],
    ['"a\\"', ': a text has no end'],
    ['"\n"', ': a text has a control character'],
    ['"\\x"', ': a text has an escape that is none'],
    ['"\\u12g4"', ': a text has an escape that is none'],
    ['"\\ud83d"', ': a text has half of a surrogate pair'],
    ['"\ude00"', ': a text has half of a surrogate pair'],
    ['[[[[1]]]]', '/0/0/0: nested deeper than 3'],
    ['{"a":{"b":{"c":{}}}}', '/a/b/c: nested deeper than 3'],
    ['True', ': a value is missing'],
    ['nul', ': a value is missing'],
    ["'a'", ': a value is missing'],
    ...[
      '-0',
      '01',
      '1.0',
      '1e0',
      '1E+2',
      '1.',
      '9007199254740992',
      '-9007199254740992',
      '00',
      '-01',
      '1_0',
    ].map((number): [string, string] => [number, ': numbers are whole']),
    ['-', ': a value is missing'],
    ['+1', ': a value is missing'],
  ])('refuses %j', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });

  test('deep brackets cost no stack', () => {
    expect(() => parse('['.repeat(isBrief ? 100 : 1_000_000), 32)).toThrow('nested deeper than 32');
  });
});

describe('EVENT-3 the canonical text', () => {
  test.each([
    ['{"b":1,"a":[true,null,{"d":-1,"c":""}]}', '{"a":[true,null,{"c":"","d":-1}],"b":1}'],
    ['{"\\ue000":1,"\\ud83d\\ude00":2,"é":3}', '{"é":3,"😀":2,"\ue000":1}'],
    ['"\\u0001\\u001F\\/\\u20ac\\u007f\\u2028"', '"\\u0001\\u001f/€\x7f\u2028"'],
  ])('of %j', (text, canonical) => {
    expect(canonicalJson(parse(text))).toBe(canonical);
    expect(parse(canonical)).toEqual(parse(text));
  });

  test('of each character, alone, among 63 others and among 64, is as JSON.stringify has it', () => {
    const others = [0, 63, 64].map((length) => 'a'.repeat(length));
    const wrong = Array.from({ length: 2 ** 16 }, (_, unit) => String.fromCharCode(unit)).filter(
      (character) =>
        others.some((text) => canonicalJson(text + character) !== JSON.stringify(text + character)),
    );
    expect(wrong).toEqual([]);
    expect(canonicalJson({ 'a"': '\n', b: '😀' })).toBe('{"a\\"":"\\n","b":"😀"}');
  });

  test.each([
    [null, 'neither'],
    [true, 'neither'],
    [0, 'neither'],
    ['{}', 'neither'],
    [[], 'list'],
    [[{}], 'list'],
    [{}, 'object'],
    [{ length: 1 }, 'object'],
  ] as const)('%j is %s', (value, sort) => {
    expect([isList(value), isObject(value)]).toEqual([sort === 'list', sort === 'object']);
  });

  test('pointers escape what JSON Pointer escapes', () => {
    expect(pointerTo(pointerTo('', 'a/b~'), 0)).toBe('/a~1b~0/0');
  });
});

describe('IMPORT-2 JSON of other systems', () => {
  const parseForeign = (text: string): JsonValue => parseForeignJson(text, 3, refuse);

  test.each([
    ['1', 1],
    ['-9007199254740991', 1 - 2 ** 53],
    ['9007199254740992', '9007199254740992'],
    ['-9214364837600034816', '-9214364837600034816'],
    ['1.5', '1.5'],
    ['-0', '-0'],
    ['-0.0', '-0.0'],
    ['0.10', '0.10'],
    ['1e3', '1e3'],
    ['12E+30', '12E+30'],
    ['10.25e-7', '10.25e-7'],
    ['{"a":[1.0,{"b":1e0}],"c":"1.5"}', { a: ['1.0', { b: '1e0' }], c: '1.5' }],
    ['true', true],
  ])('reads %s', (text, value) => {
    expect(parseForeign(text)).toEqual(value);
    expect(() => JSON.parse(text)).not.toThrow();
  });

  test.each([
    '01',
    '-',
    '-01',
    '1.',
    '.5',
    '1.e3',
    '1e',
    '1e+',
    '+1',
    '1.5.5',
    'x1',
    '1x',
    '1e3x',
    'NaN',
    '[[[[1.5]]]]',
    '{"a":1,"a":1}',
  ])('refuses %s', (text) => {
    expect(() => parseForeign(text)).toThrow(SyntaxError);
  });
});
