import { describe, expect, test } from 'vitest';
import { RAW_BYTES_MAX } from '../../src/core/event/event.ts';
import { type CutRecord, cutRecords } from '../../src/import/record-cutter.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function cut(input: Uint8Array, { size = input.length, quoted = false } = {}): Promise<CutRecord[]> {
  const seen: Uint8Array[] = [];
  const records: CutRecord[] = [];
  for await (const record of cutRecords(pieces(input, size), {
    quoted,
    seen: (part) => void seen.push(part),
  })) {
    records.push(record);
    const length = records.reduce((sum, { length: one }) => sum + one, 0);
    expect(Buffer.concat(seen).equals(input.subarray(0, length))).toBe(true);
  }
  return records;
}

describe('IMPORT-2 records', () => {
  test.each<[string, string[], number[]]>([
    ['', [], []],
    ['a', ['a'], [1]],
    ['a\n', ['a'], [1]],
    ['a\r\n\nb', ['a\r', '', 'b'], [1, 2, 3]],
    ['\n', [''], [1]],
    ['"a\nb"\n"c"', ['"a', 'b"', '"c"'], [1, 2, 3]],
  ])('lines of %j', async (text, records, lines) => {
    for (const size of [1, 2, 100]) {
      const found = await cut(bytesOf(text), { size });
      expect(found.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(records);
      expect(found.map(({ line }) => line)).toEqual(lines);
    }
  });

  test.each<[string, string[], number[]]>([
    ['"a\nb"\n"c"', ['"a\nb"', '"c"'], [1, 3]],
    ['a,"x ""y""\n\n",b\nc\n', ['a,"x ""y""\n\n",b', 'c'], [1, 4]],
    ['a\n"b\nc\n', ['a', '"b\nc'], [1, 2]],
  ])('records of csv of %j', async (text, records, lines) => {
    for (const size of [1, 2, 3, 100]) {
      const found = await cut(bytesOf(text), { size, quoted: true });
      expect(found.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(records);
      expect(found.map(({ line }) => line)).toEqual(lines);
    }
  });

  test.each([
    [RAW_BYTES_MAX, '\n', true],
    [RAW_BYTES_MAX, '', true],
    [RAW_BYTES_MAX + 1, '\n', false],
    [RAW_BYTES_MAX + 1, '', false],
    [3 * RAW_BYTES_MAX, '\n', false],
  ])('a record of %i bytes and %j', async (length, end, isKept) => {
    const input = new Uint8Array(length + end.length + 2).fill(0x61);
    if (end !== '') input[length] = 0x0a;
    const whole = end === '' ? input.subarray(0, length) : input;
    const found = await cut(whole, { size: 1_000_003 });
    expect(found.map(({ bytes }) => bytes?.length)).toEqual([
      isKept ? length : undefined,
      ...(end === '' ? [] : [2]),
    ]);
    expect(found.map(({ length: one }) => one)).toEqual([length + end.length, ...(end === '' ? [] : [2])]);
  });
});
