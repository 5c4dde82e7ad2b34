import { describe, expect, test } from 'vitest';
import { formatState, parseState } from '../../src/store/state-file.ts';

const said = { schema: 1, list: [{ name: 'a', size: 7 }], text: 'x\ny', last: null };

describe('STORE-15 small files with a check', () => {
  test.each([undefined, 2])('say what they were given, in whatever layout (%s)', (space) => {
    const text = formatState(said, space);
    expect(parseState(text)).toEqual(said);
    expect(parseState(JSON.stringify(JSON.parse(text), null, 4))).toEqual(said);
    expect(Object.keys(JSON.parse(text)).at(-1)).toBe('check');
  });

  test('a member that is not there is not checked', () => {
    expect(parseState(formatState({ schema: 1, absent: undefined }))).toEqual({ schema: 1 });
  });

  test('without a check they are those of before', () => {
    for (const value of [said, [1], 7, null, 'text'])
      expect(parseState(JSON.stringify(value))).toEqual(value);
  });

  test('a bit that turned is seen, or makes a member that nobody knows', () => {
    const text = Buffer.from(formatState(said));
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const turned = Buffer.from(text);
      turned.writeUInt8(turned.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const members = parsed(turned.toString('latin1'));
      if (members === undefined) continue;
      const others = Object.keys(members).filter((name) => !(name in said));
      expect(others.length > 0 || JSON.stringify(members) === JSON.stringify(said)).toBe(true);
    }
  });
});

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return parseState(text) as Record<string, unknown>;
  } catch {
    return undefined; // what is expected of most
  }
}
