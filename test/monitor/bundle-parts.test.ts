import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../src/core/bytes.ts';
import { encodeBundle } from '../../src/core/tile/bundle.ts';
import { bundleParts, isWholePart, PART_BYTES } from '../../src/monitor/bundle-parts.ts';

const bundleOf = (lengths: readonly number[]): Uint8Array =>
  encodeBundle(lengths.map((length, i) => new Uint8Array(length).fill(i)));
const same = (length: number, count: number): number[] => Array.from({ length: count }, () => length);

describe('MONITOR-3 the parts of a bundle', () => {
  test.each<[string, readonly number[], readonly number[]]>([
    ['one small entry', [3], [5]],
    ['no bytes but lengths', same(0, 256), [512]],
    ['a byte less than a part', [...same(65_534, 7), 65_533], [PART_BYTES - 1]],
    ['a part', same(65_534, 8), [PART_BYTES]],
    ['a byte more', [...same(65_534, 7), 65_535], [PART_BYTES + 1]],
    ['a part and the shortest entry', [...same(65_534, 8), 0], [PART_BYTES, 2]],
    ['the largest bundle', same(65_535, 256), same(8 * 65_537, 32)],
  ])('%s', (_, lengths, parts) => {
    const bundle = bundleOf(lengths);
    const made = bundleParts(bundle);
    expect(made.map(({ length }) => length)).toEqual(parts);
    expect(Buffer.concat(made).equals(bundle)).toBe(true);
    expect(made.slice(0, -1).every(isWholePart)).toBe(true);
  });

  test('those of a bundle that has grown begin with those that it had', () => {
    const lengths = Array.from({ length: 256 }, (_, i) => (i * 7_919) % 65_536);
    const whole = bundleParts(bundleOf(lengths));
    for (const width of [1, 20, 100, 255]) {
      const parts = bundleParts(bundleOf(lengths.slice(0, width)));
      for (const [i, part] of parts.slice(0, -1).entries())
        expect(equalBytes(part, whole[i] ?? new Uint8Array())).toBe(true);
    }
  });
});
