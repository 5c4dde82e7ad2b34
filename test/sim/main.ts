import { parseArgs } from 'node:util';
import { planOf } from './plan.ts';
import { POINTS } from './points.ts';
import { runRange, type Totals } from './range.ts';
import { keptPlans } from './seeds.ts';
import { runPlan } from './world.ts';

const PROGRESS_SEEDS = 250;
const USAGE = 'npm run sim -- --seeds N [--from S] | --trace SEED';

/** `npm run sim`: runs seeds, says how many and what they reached. Gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: { type: 'string' }, from: { type: 'string' }, trace: { type: 'string' } },
  });
  if (values.trace !== undefined) return trace(Number(values.trace));
  const seeds = Number(values.seeds ?? Number.NaN);
  const from = Number(values.from ?? 0);
  if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from)) {
    console.error(USAGE);
    return 2;
  }
  const startMs = performance.now();
  try {
    print(await runRange(from, seeds, progress), performance.now() - startMs);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

/** A run that is stopped has said how far it came. */
function progress(totals: Readonly<Totals>): void {
  if (totals.seeds % PROGRESS_SEEDS === 0) console.error(summary(totals));
}

function summary({ seeds, ops, crashes, heads }: Readonly<Totals>): string {
  return `${seeds} seeds, 0 violations: ${ops} operations, ${crashes} crashes, ${heads} heads`;
}

function print(totals: Totals, tookMs: number): void {
  const { seeds, simulatedMs, hits } = totals;
  for (const point of POINTS) console.log(`${String(hits.get(point) ?? 0).padStart(8)}  ${point}`);
  console.log(summary(totals));
  const factor = Math.round(simulatedMs / tookMs);
  console.log(
    `${(tookMs / 1000).toFixed(1)} s, ${(tookMs / seeds).toFixed(1)} ms a seed, ${factor} x real time`,
  );
}

/** Prints what happens in a seed, or in the plan kept for it. */
async function trace(seed: number): Promise<number> {
  const plan = keptPlans().find((kept) => kept.plan.seed === seed)?.plan ?? planOf(seed);
  const { log, violation, traceHash } = await runPlan(plan, { keepLog: true });
  for (const line of log) console.log(line);
  console.log(`${violation?.message ?? 'nothing is broken'} (trace ${traceHash})`);
  return violation === undefined ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
