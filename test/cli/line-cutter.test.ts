import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  BATCH_BYTES_MAX,
  CUT_BYTES,
  CUT_LINES,
  cutLines,
  type LineBatch,
} from '../../src/cli/line-cutter.ts';

const MAX = 65_535;
const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function cut(
  input: Uint8Array,
  chunkBytes = input.length || 1,
  lineBytesMax = MAX,
): Promise<LineBatch[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < input.length; at += chunkBytes) yield input.subarray(at, at + chunkBytes);
  }
  const batches: LineBatch[] = [];
  for await (const batch of cutLines(chunks(), lineBytesMax)) batches.push(batch);
  return batches;
}

const texts = (batches: readonly LineBatch[]): string[][] =>
  batches.map((batch) => batch.entries.map((entry) => Buffer.from(entry).toString('latin1')));

describe('CLI-20 a line is the bytes before each LF', () => {
  test.each([
    ['', [], 'no input, no entry'],
    ['a', [['a']], 'a last line without LF counts'],
    ['a\n', [['a']], 'a final LF starts no line'],
    ['\n', [['']], 'an empty line is an empty entry'],
    ['\n\na\n', [['', '', 'a']], 'also several'],
    ['a\r\nb', [['a\r', 'b']], 'CR stays'],
    ['\xff\xfe\n', [['\xff\xfe']], 'nothing is decoded'],
  ])('%j gives %j: %s', async (input, expected) => {
    expect(texts(await cut(Buffer.from(input, 'latin1')))).toEqual(expected);
  });
});

describe('CLI-21 batches are cut at fixed points', () => {
  test.each([
    [CUT_LINES - 1, [CUT_LINES - 1]],
    [CUT_LINES, [CUT_LINES]],
    [CUT_LINES + 1, [CUT_LINES, 1]],
    [2 * CUT_LINES, [CUT_LINES, CUT_LINES]],
  ])('%d short lines give batches of %j', async (lines, expected) => {
    expect((await cut(Buffer.from('x\n'.repeat(lines)))).map((b) => b.entries.length)).toEqual(expected);
  });

  test.each([
    [CUT_BYTES / 65_536 - 1, [63]],
    [CUT_BYTES / 65_536, [64]],
    [CUT_BYTES / 65_536 + 1, [64, 1]],
  ])('%d lines of 64 KiB with their LF give batches of %j', async (lines, expected) => {
    const input = Buffer.from(`${'x'.repeat(MAX)}\n`.repeat(lines));
    expect((await cut(input)).map((b) => b.entries.length)).toEqual(expected);
  });

  test.each([
    ['that just fill a request', [3 * MIB - 1, 5 * MIB - 1], [2]],
    ['of a byte more', [3 * MIB - 1, 5 * MIB], [1, 1]],
    ['with one behind that is not ended', [1, 3 * MIB, 5 * MIB, 9], [2, 1, 1]],
    ['of which each fills one', [8 * MIB - 1, 8 * MIB - 1, 1], [1, 1, 1]],
  ])('long lines %s: %j give batches of %j', async (_, lengths, expected) => {
    const input = Buffer.from(lengths.map((length) => 'x'.repeat(length)).join('\n'));
    const batches = await cut(input, MIB, BATCH_BYTES_MAX - 1);
    expect(batches.map((batch) => batch.entries.length)).toEqual(expected);
    let end = 0;
    for (const { key, entries } of batches) {
      end = Math.min(
        input.length,
        entries.reduce((sum, { length }) => sum + length + 1, end),
      );
      expect(key).toBe(sha256(input.subarray(0, end)));
    }
  });

  test('the cuts and keys do not depend on how the bytes arrive', async () => {
    const input = Buffer.from(
      Array.from({ length: 2_500 }, (_, i) => `line ${i}${i % 7 ? '' : '\r'}\n`).join(''),
    );
    const whole = await cut(input);
    for (const chunkBytes of [1, 2, 7, 4_096]) expect(await cut(input, chunkBytes)).toEqual(whole);
  });
});

describe('CLI-22 the key of a batch is the SHA-256 of all input up to its end', () => {
  test('the LF of its last line is counted, and a last line without LF is not given one', async () => {
    const first = 'x\n'.repeat(CUT_LINES);
    const input = Buffer.from(`${first}y`);
    const batches = await cut(input);
    expect(batches.map((b) => [b.key, b.firstLine])).toEqual([
      [sha256(Buffer.from(first)), 1],
      [sha256(input), CUT_LINES + 1],
    ]);
  });
});

describe('CLI-23 an over-long line is refused with its number', () => {
  test('65,535 bytes pass, one more does not', async () => {
    expect(texts(await cut(Buffer.from('x'.repeat(MAX))))[0]?.[0]?.length).toBe(MAX);
    for (const end of ['', '\n']) {
      const input = Buffer.from(`a\n\n${'x'.repeat(MAX + 1)}${end}`);
      await expect(cut(input, 1_000)).rejects.toMatchObject({
        code: 'entry_too_large',
        details: { line: 3 },
      });
    }
  });

  test('the number counts from the start of the input, not of the batch', async () => {
    const input = Buffer.from(`${'a\n'.repeat(CUT_LINES)}${'x'.repeat(MAX + 1)}`);
    await expect(cut(input)).rejects.toMatchObject({ details: { line: CUT_LINES + 1 } });
  });
});
