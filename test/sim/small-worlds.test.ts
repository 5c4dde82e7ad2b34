import { describe, expect, test } from 'vitest';
import type { Op, Plan } from './plan.ts';
import { type Action, CALL_FAULTS, type CallFault, EVENT_FAULTS } from './points.ts';
import { Random } from './random.ts';
import { type Outcome, type RunOptions, runPlan, type World } from './world.ts';

/** Three requests, far enough apart to be three commits: nothing is left to chance but the time that calls take. */
function planOfThree(base: number, seed: number): Plan {
  const ops = [50, 100, 150].map(
    (at, n): Op => ({ at, n, do: 'append', content: 'unique', key: 'own', count: 1 }),
  );
  return {
    ...{ seed, base, ops, callMs: 1, duplicates: 'key', leafHashIndex: true },
    queue: { entriesMax: 100, bytesMax: 2 ** 20, ageMaxMs: 2_000 },
    check: { tailEntries: 100_000, beforeStartMax: 1_000_000 },
  };
}

/** Operations that draw an event with verbatim bytes in its row, one without an id whose bytes are a file, and one without either. */
const EVENT_DRAWS = [2, 119, 3];

/** The same of a log of events. */
function planOfEvents(base: number, seed: number): Plan {
  const plan = planOfThree(base, seed);
  return { ...plan, events: true, ops: plan.ops.map((op, i) => ({ ...op, n: EVENT_DRAWS[i] ?? op.n })) };
}

/** A tree whose second commit fills a bundle; in a tree from 0 none does. */
const FILLED = 254;
const BASES = [0, FILLED];
/** All three are answered by then, and the faults end. */
const END_MS = 340;
const PAIRED = 24;
/** A power cut decides by these what of the unsynced stays. */
const CUTS = [1, 2];

/** A hook that acts at each of the given points, counted over the whole run. */
function at(points: readonly number[], act: (world: World) => void): RunOptions {
  let count = 0;
  return {
    onCall: (world) => {
      if (points.includes(count++)) act(world);
    },
  };
}

const crash = (action: Action, n: number) => (world: World) => world.operator.act(action, new Random(n));
const CRASHES = [crash('kill', 0), ...CUTS.map((n) => crash('power-cut', n))];

function expectSound(outcome: Outcome, where: string): void {
  expect(outcome.violation === undefined ? '' : `${where}: ${outcome.violation.message}`).toBe('');
}

describe.each([
  ['entries', planOfThree, CALL_FAULTS],
  ['events', planOfEvents, [...CALL_FAULTS, ...EVENT_FAULTS]],
] as const)('SIM-5 three commits of %s', (_, planOf, faults) => {
  test.each(
    BASES,
  )('from size %i: a kill or a power cut before every call and after every effect', async (base) => {
    const plan = planOf(base, 1);
    const points = await pointsBefore(plan, END_MS);
    expect(points).toBeGreaterThan(50);
    for (let point = 0; point < points; point += 1) {
      for (const [i, act] of CRASHES.entries())
        expectSound(await runPlan(plan, at([point], act)), `crash ${i} at point ${point}`);
    }
  });

  test('every fault of a call, at every call that it can spoil', async () => {
    for (const fault of faults) {
      for (let after = 0; await spoil(planOf(FILLED, 2), fault, after); after += 1);
    }
  });

  test('a second crash at every point after a first one in the second commit', async () => {
    const plan = planOf(0, 3);
    const begin = await pointsBefore(plan, 95);
    const end = await pointsBefore(plan, 145);
    for (let first = begin; first < end; first += 1) {
      for (let later = 1; later <= PAIRED; later += 1)
        expectSound(
          await runPlan(
            plan,
            at([first, first + later], crash(later % 2 === 0 ? 'kill' : 'power-cut', later)),
          ),
          `crashes at points ${first} and ${first + later}`,
        );
    }
  });
});

test('SIM-5 the events of these have verbatim bytes, in a row and in a file', async () => {
  const { hits } = await runPlan(planOfEvents(0, 1));
  expect([...hits.keys()]).toEqual(['client-raw', 'client-raw-file']);
});

/** Whether the fault was met after so many calls were let pass; the run must be sound either way. */
async function spoil(plan: Plan, fault: CallFault, after: number): Promise<boolean> {
  const outcome = await runPlan(plan, { onBegin: (world) => world.faults.arm(fault, after) });
  expectSound(outcome, `${fault} after ${after}`);
  return outcome.hits.has(fault);
}

async function pointsBefore(plan: Plan, ms: number): Promise<number> {
  let points = 0;
  await runPlan(plan, {
    onCall: (world) => {
      if (world.scheduler.nowMs < ms) points += 1;
    },
  });
  return points;
}
