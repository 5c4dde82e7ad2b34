import { describe, expect, test } from 'vitest';
import { planOf } from './plan.ts';
import { EVENT_POINTS, POINTS, type Point } from './points.ts';
import { runRange } from './range.ts';
import { keptPlans } from './seeds.ts';
import { runPlan } from './world.ts';

describe('SIM-1 plans that once failed', () => {
  const rows = keptPlans().map(({ plan, why }) => [plan.seed, why, plan] as const);
  test.skipIf(rows.length === 0).each(rows)('seed %i: %s', async (_, _why, plan) => {
    expect((await runPlan(plan)).violation).toBeUndefined();
  });
});

test('SIM-2 the same seed gives the same trace', async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const [first, second] = [await runPlan(planOf(seed)), await runPlan(planOf(seed))];
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.steps).toBe(first.steps);
  }
});

test('SIM-3 seeds 0 to 499 break no promise and reach every fault', { timeout: 600_000 }, async () => {
  const { ops, crashes, hits, seeds } = await runRange(0, 500);
  expect(ops).toBeGreaterThanOrEqual(200 * seeds);
  expect(crashes).toBeGreaterThanOrEqual(seeds);
  const least = (point: Point): number => (EVENT_POINTS.includes(point) ? 10 : 50);
  expect(POINTS.filter((point) => (hits.get(point) ?? 0) < least(point))).toEqual([]);
});
