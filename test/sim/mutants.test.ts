import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type Image, imageOf } from './image.ts';
import { type Mutant, mutants, type Planted } from './mutants.ts';
import { type Plan, planOf } from './plan.ts';
import { keptPlans } from './seeds.ts';
import { runPlan } from './world.ts';

/** The bug that is planted now. */
const planted = vi.hoisted(() => ({ now: {} as Planted }));

vi.mock(import('../../src/sequencer/self-check.ts'), async (original) => {
  const real = await original();
  return { ...real, checkCommit: (...args) => (planted.now.checkCommit ?? real.checkCommit)(...args) };
});
vi.mock(import('../../src/sequencer/recovery.ts'), async (original) => {
  const real = await original();
  const checkAgainstGuard: typeof real.checkAgainstGuard = async (...args) => {
    if (planted.now.skipsGuardCheck === undefined) await real.checkAgainstGuard(...args);
  };
  return { ...real, checkAgainstGuard };
});
vi.mock(import('../../src/sequencer/tree-check.ts'), async (original) => {
  const real = await original();
  const checkTree: typeof real.checkTree = async (...args) => {
    if (planted.now.skipsTreeCheck === undefined) await real.checkTree(...args);
  };
  return { ...real, checkTree };
});
vi.mock(import('../../src/store/rows.ts'), async (original) => {
  const real = await original();
  const retryKey: typeof real.retryKey = (key) =>
    real.retryKey(planted.now.shortRetryKeys === undefined ? key : Uint8Array.from(key).fill(0, 8));
  return { ...real, retryKey };
});
vi.mock(import('../../src/sequencer/place-entries.ts'), async (original) => {
  const real = await original();
  const placeEntries: typeof real.placeEntries = (...args) => {
    const placement = real.placeEntries(...args);
    return planted.now.forgetsRetries === undefined ? placement : { ...placement, retries: [] };
  };
  return { ...real, placeEntries };
});
vi.mock(import('../../src/sequencer/head-signer.ts'), async (original) => {
  const real = await original();
  class HeadSigner extends real.HeadSigner {
    constructor(...[origin, signer, verifier]: ConstructorParameters<typeof real.HeadSigner>) {
      const believing = { ...verifier, verify: () => true };
      super(origin, signer, planted.now.believesSignatures === undefined ? verifier : believing);
    }
  }
  return { ...real, HeadSigner };
});
vi.mock(import('../../src/sequencer/sequencer.ts'), async (original) => {
  const real = await original();
  const { planting } = await import('./mutant-sequencer.ts');
  return { ...real, Sequencer: planting(real.Sequencer, () => planted.now) };
});

let empty: Image;

beforeAll(async () => {
  empty = await imageOf({ duplicates: 'key', leafHashIndex: true }, 0);
});

const SEEDS_MAX = 1_000;
/** A promise that is broken; an odd error is not enough. */
const RULES = /^(?:S\d|L$)/;

function* plans(first: number): Generator<Plan> {
  for (const { plan } of keptPlans()) yield plan;
  yield planOf(first);
  for (let seed = 0; seed < SEEDS_MAX; seed += 1) yield planOf(seed);
}

/** The first seed and rule that catch a bug; undefined when a thousand do not. */
async function caughtBy(mutant: Mutant): Promise<string | undefined> {
  planted.now = mutant.planted ?? {};
  try {
    for (const plan of plans(mutant.seed)) {
      const { violation } = await runPlan(plan, mutant.options);
      if (violation !== undefined && RULES.test(violation.rule))
        return `seed ${plan.seed}, ${violation.message}`;
    }
    return undefined;
  } finally {
    planted.now = {};
  }
}

const { checkCommit } = await vi.importActual<typeof import('../../src/sequencer/self-check.ts')>(
  '../../src/sequencer/self-check.ts',
);

describe('SIM-4 each planted bug is caught', { timeout: 600_000 }, () => {
  const rows = mutants(() => empty, checkCommit).map((mutant) => [mutant.name, mutant] as const);

  test('there are at least 15', () => {
    expect(rows.length).toBeGreaterThanOrEqual(15);
  });

  test.each(rows)('%s', async (name, mutant) => {
    const caught = await caughtBy(mutant);
    console.log(`${name}: ${caught}`);
    expect(caught).toBeDefined();
  });
});
