import { type Plan, planOf } from './plan.ts';
import type { Point } from './points.ts';
import { keepPlan } from './seeds.ts';
import { shrink } from './shrink.ts';
import { runPlan } from './world.ts';

/** What many seeds came to. */
export interface Totals {
  seeds: number;
  ops: number;
  crashes: number;
  heads: number;
  simulatedMs: number;
  readonly hits: Map<Point, number>;
}

/**
 * Runs the seeds [from, from + count); `onSeed` gets after each what all until then came to.
 * @throws Error at the first that fails, made small and kept in seeds.txt
 */
export async function runRange(
  from: number,
  count: number,
  onSeed: (totals: Readonly<Totals>) => void = () => undefined,
): Promise<Totals> {
  const totals: Totals = { seeds: 0, ops: 0, crashes: 0, heads: 0, simulatedMs: 0, hits: new Map() };
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await runPlan(planOf(seed));
    if (outcome.violation !== undefined) throw await smallest(planOf(seed), outcome.violation);
    totals.seeds += 1;
    totals.ops += outcome.ops;
    totals.crashes += outcome.crashes;
    totals.heads += outcome.heads;
    totals.simulatedMs += outcome.simulatedMs;
    for (const [point, hits] of outcome.hits) totals.hits.set(point, (totals.hits.get(point) ?? 0) + hits);
    onSeed(totals);
  }
  return totals;
}

async function smallest(plan: Plan, violation: { readonly message: string }): Promise<Error> {
  const small = await shrink(plan, violation.message);
  // What the program itself threw has a stack below it.
  const [why = ''] = violation.message.split('\n');
  keepPlan({ why, plan: small });
  return new Error(
    `seed ${plan.seed}: ${violation.message}\n${small.ops.length} operations are enough; kept in test/sim/seeds.txt. ` +
      `npm run sim -- --trace ${plan.seed} shows what happens`,
  );
}
