import type { Plan } from './plan.ts';
import { type RunOptions, runPlan } from './world.ts';

const RUNS_MAX = 400;

/**
 * A plan with fewer operations that still fails as `cause` says: halves, quarters and so on are left out as long as
 * that works (delta debugging), for a bounded number of runs.
 */
export async function shrink(plan: Plan, cause: string, options: RunOptions = {}): Promise<Plan> {
  let { ops } = plan;
  let runs = 0;
  const stillFails = async (fewer: Plan['ops']): Promise<boolean> => {
    runs += 1;
    const { violation } = await runPlan({ ...plan, ops: fewer }, options);
    return withoutNumbers(violation?.message) === withoutNumbers(cause);
  };
  for (let size = Math.ceil(ops.length / 2); size >= 1 && runs < RUNS_MAX; size = Math.floor(size / 2)) {
    // From the end: what comes after the failure goes first.
    for (let end = ops.length; end > 0 && runs < RUNS_MAX; end -= size) {
      const fewer = [...ops.slice(0, Math.max(0, end - size)), ...ops.slice(end)];
      if (await stillFails(fewer)) ops = fewer;
    }
  }
  return { ...plan, ops };
}

function withoutNumbers(message = ''): string {
  return message.replaceAll(/[0-9]+/g, '#');
}
