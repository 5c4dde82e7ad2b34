import { describe, expect, test } from 'vitest';
import { doorsOf } from '../../src/cli/doors.ts';

const deps = { tokens: () => [], onBug: () => undefined };

describe('CLI-47 what stands before a server', () => {
  test.each([
    [{}, false],
    [{ clientRate: 0 }, false],
    [{ clientRate: 1 }, true],
    [{ trustedProxies: ['127.0.0.1'] }, false],
    [{ clientRate: 1, trustedProxies: ['127.0.0.1'] }, true],
  ])('with %j has rates: %s', (settings, hasRates) => {
    const { gate, rates } = doorsOf(settings, deps);
    expect([gate.isFull, rates !== undefined]).toEqual([false, hasRates]);
  });

  test.each([0, 1])('a proxy that is no address is refused, rate %i', (clientRate) => {
    expect(() => doorsOf({ clientRate, trustedProxies: ['x'] }, deps)).toThrow(
      expect.objectContaining({ code: 'invalid_config' }),
    );
  });
});
