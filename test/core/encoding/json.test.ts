import { describe, expect, test } from 'vitest';
import { parseShallowJson } from '../../../src/core/encoding/json.ts';

describe('CLIENT-9 JSON of an answer', () => {
  test.each<[string, unknown]>([
    ['{}', {}],
    ['{"a":":","b":"{\\"c\\":1}"}', { a: ':', b: '{"c":1}' }],
    ['{"a":{"a":[{"a":1},{"a":2}]}}', { a: { a: [{ a: 1 }, { a: 2 }] } }],
    ['[1,"\\\\",{"x":null}]', [1, '\\', { x: null }]],
    ['{"a":"\\":","b":1}', { a: '":', b: 1 }],
    [`[${'[],'.repeat(17)}{}]`, [...Array.from({ length: 17 }, () => []), {}]],
    [`[${'{},'.repeat(17)}[]]`, [...Array.from({ length: 17 }, () => ({})), []]],
    ['{"__proto__":1}', JSON.parse('{"__proto__":1}')],
    [`${'['.repeat(16)}${']'.repeat(16)}`, JSON.parse(`${'['.repeat(16)}${']'.repeat(16)}`)],
  ])('%s is read', (text, value) => expect(parseShallowJson(text)).toEqual(value));

  test.each([
    ['{"a":1,"a":1}', 'a member twice'],
    ['{"a":1,"b":{"c":1,"c":2}}', 'further in'],
    ['{"a":1,"\\u0061":2}', 'in two spellings'],
    ['[{"__proto__":1,"__proto__":2}]', 'of a name with a meaning'],
    [`${'['.repeat(17)}${']'.repeat(17)}`, 'nested too deep'],
    [`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 'nested too deep, in objects'],
    ['{"a":1', 'cut off'],
    ['', 'empty'],
  ])('%s is refused: %s', (text) => expect(() => parseShallowJson(text)).toThrow(SyntaxError));
});
