import { describe, expect, test } from 'vitest';
import { PeerLimits } from '../../src/monitor/peer-limits.ts';

/** How many of so many requests of an address are taken at this time. */
function taken(limits: PeerLimits, address: string, count: number, nowMs = 0): number {
  let good = 0;
  for (let i = 0; i < count; i += 1) {
    try {
      limits.take(address, nowMs);
      good += 1;
    } catch {
      // rate_limited
    }
  }
  return good;
}

describe('GOSSIP-3 limits of addresses', () => {
  test.each([
    ['192.0.2.1', '192.0.2.2', 50],
    ['192.0.2.1', '::ffff:192.0.2.1', 0],
    ['2001:db8::1', '2001:db8:0:0:ffff::', 0],
    ['2001:db8::1', '2001:db8:0:1::1', 50],
    ['::1', '::2', 0],
    ['fe80::1', '::1', 50],
  ])('%s and %s: the second has %i left once the first has asked 60 times', (one, other, left) => {
    const limits = new PeerLimits(0);
    expect(taken(limits, one, 60)).toBe(50);
    expect(taken(limits, other, 60)).toBe(left);
  });

  test('beyond 256 addresses the others share a limit, until somebody has rested', () => {
    const limits = new PeerLimits(0);
    for (let i = 0; i < 256; i += 1) expect(taken(limits, `a${i}`, 60)).toBe(50);
    expect([taken(limits, 'b', 60), taken(limits, 'c', 60)]).toEqual([50, 0]);
    expect(taken(limits, 'a0', 60, 9_999)).toBe(49);
    expect([taken(limits, 'd', 60, 10_000), taken(limits, 'e', 60, 10_000)]).toEqual([50, 50]);
    expect(taken(limits, 'a0', 60, 10_000)).toBe(1);
  });
});
