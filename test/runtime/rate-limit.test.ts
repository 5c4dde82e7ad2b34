import { describe, expect, test } from 'vitest';
import { RateLimit, RateLimits } from '../../src/runtime/rate-limit.ts';

/** How many of so many requests are taken. */
function taken(take: () => void, count: number): number {
  let good = 0;
  for (let i = 0; i < count; i += 1) {
    try {
      take();
      good += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'rate_limited' });
    }
  }
  return good;
}

describe('HTTP-34 WITNESS-10 GOSSIP-3 a rate', () => {
  test.each([
    [0, 0, 1_000],
    [1, 0, 10],
    [1, 999, 10],
    [1, 1_000, 11],
    [7, 0, 70],
    [7, 3_600_000, 140],
  ])('of %i a second: after %i ms %i in all', (perSec, passedMs, all) => {
    const limit = new RateLimit(perSec, 0);
    const before = taken(() => limit.take(0), 500);
    expect(before + taken(() => limit.take(passedMs), 500)).toBe(all);
  });

  test('of each name; beyond so many the others share one, until somebody has rested', () => {
    const limits = new RateLimits({ perSec: 1, namesMax: 2 }, 0);
    const ask = (name: string, count: number, nowMs = 0): number =>
      taken(() => limits.take(name, nowMs), count);
    expect([ask('a', 11), ask('b', 11)]).toEqual([10, 10]);
    expect([ask('c', 6), ask('d', 6)]).toEqual([6, 4]);
    expect([ask('a', 1, 1_000), ask('d', 2, 1_000)]).toEqual([1, 1]);
    // Ten seconds after its last request b is forgotten, and a, which asked later, is not.
    expect([ask('e', 11, 10_000), ask('a', 11, 10_000)]).toEqual([10, 9]);
  });
});
