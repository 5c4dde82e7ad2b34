import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from './plan.ts';

/** Found from the package's root, where npm starts scripts: compiled, this file lies elsewhere. */
const PATH = join(process.cwd(), 'test/sim/seeds.txt');

/** A plan that once failed. It is kept whole, so that a later change of how seeds make plans leaves it as it is. */
export interface KeptPlan {
  readonly why: string;
  readonly plan: Plan;
}

/** The kept plans, in the order of the file. */
export function keptPlans(): KeptPlan[] {
  const lines = readFileSync(PATH, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => JSON.parse(line) as KeptPlan);
}

/** Adds a plan, unless one of its seed is there. */
export function keepPlan(kept: KeptPlan): void {
  if (keptPlans().some(({ plan }) => plan.seed === kept.plan.seed)) return;
  appendFileSync(PATH, `${JSON.stringify(kept)}\n`);
}
