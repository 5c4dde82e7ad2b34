import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { median, percentiles, ratioSpread } from '../../bench/harness/statistics.ts';

describe('median', () => {
  test.each([
    [[3], 3],
    [[1, 2], 1.5],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 100], 10],
  ])('of %j is %d', (values, wanted) => {
    expect(median(values)).toBe(wanted);
  });

  test('of nothing is no number', () => {
    expect(median([])).toBeNaN();
  });

  test('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above) * 2).toBeLessThanOrEqual(values.length);
      }),
    );
  });
});

describe('percentiles, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  test.each([
    [[7], { p50Ms: 7, p90Ms: 7, p99Ms: 7, p999Ms: 7, maxMs: 7 }],
    [hundred, { p50Ms: 50, p90Ms: 90, p99Ms: 99, p999Ms: 100, maxMs: 100 }],
    [[2, 1], { p50Ms: 1, p90Ms: 2, p99Ms: 2, p999Ms: 2, maxMs: 2 }],
  ])('of %j', (times, wanted) => {
    expect(percentiles(times)).toEqual(wanted);
  });

  test('of nothing are no numbers', () => {
    expect(percentiles([]).p50Ms).toBeNaN();
  });
});

test('a ratio is taken within each pair, so that a slow moment of the machine is in neither side alone', () => {
  const pairs = [
    { ours: 50, theirs: 100 },
    { ours: 5, theirs: 10 },
    { ours: 80, theirs: 100 },
  ];
  expect(ratioSpread(pairs)).toEqual({ ratio: 0.5, ratioMin: 0.5, ratioMax: 0.8 });
});
