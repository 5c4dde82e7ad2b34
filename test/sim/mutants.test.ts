import { beforeAll, describe, expect, test, vi } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import type { PassPosition, Step } from '../../src/scrub/pass.ts';
import { decodeState, STATE_KEY } from '../../src/store/rows.ts';
import { eventMutants } from './event-mutants.ts';
import { type Image, imageOf } from './image.ts';
import { type Mutant, mutants, type Planted, type ScrubBug } from './mutants.ts';
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
vi.mock(import('../../src/sequencer/place-events.ts'), async (original) => {
  const real = await original();
  const placeEvents: typeof real.placeEvents = (size, requests, { ids, retries }) => {
    const all = [...ids].map(([name, earlier]) => [name, { ...earlier, isSame: () => true }] as const);
    return real.placeEvents(size, requests, {
      ids: planted.now.takesAnyEvent === undefined ? ids : new Map(all),
      retries,
    });
  };
  return { ...real, placeEvents };
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
vi.mock(import('../../src/sequencer/damage-record.ts'), async (original) => {
  const real = await original();
  class DamageRecord extends real.DamageRecord {
    override get isOpen(): boolean {
      return planted.now.scrub !== 'stops no signature' && super.isOpen;
    }
    override get isKept(): boolean {
      return planted.now.scrub === 'calls a finding in no file kept' || super.isKept;
    }
  }
  return { ...real, DamageRecord };
});
vi.mock(import('../../src/scrub/pass.ts'), async (original) => {
  const real = await original();
  class LogPass extends real.LogPass {
    override async step(at: PassPosition): Promise<Step> {
      const [next] = planted.now.scrub === undefined ? [] : skipped(planted.now.scrub, at);
      return next === undefined ? super.step(at) : { damages: [], next, isLast: false };
    }
  }
  return { ...real, LogPass };
});
vi.mock(import('../../src/scrub/check-bundle.ts'), async (original) => {
  const real = await original();
  const checkBundle: typeof real.checkBundle = async (...args) => {
    const unseen = UNSEEN[planted.now.scrub ?? ''];
    return (await real.checkBundle(...args)).filter(({ message }) => unseen?.test(message) !== true);
  };
  return { ...real, checkBundle };
});
vi.mock(import('../../src/scrub/check-edge.ts'), async (original) => {
  const real = await original();
  const checkState: typeof real.checkState = async (deps, log) => {
    const row = await deps.rows.read(STATE_KEY);
    const isOther = 'value' in row && decodeState(row.value).size !== log.tree().state.size;
    if (planted.now.scrub !== 'blames a commit under way' || !isOther) return real.checkState(deps, log);
    return [{ row: STATE_KEY, message: 'the state is of another size' }];
  };
  return { ...real, checkState };
});
vi.mock(import('../../src/scrub/tree-root.ts'), async (original) => {
  const real = await original();
  const rootOf: typeof real.rootOf = (hasher, tiles, size) => {
    const isOther = planted.now.scrub === 'compares with another root' && size > 0;
    return real.rootOf(hasher, tiles, isOther ? treeSize(size - 1) : size);
  };
  return { ...real, rootOf };
});
vi.mock(import('../../src/sequencer/sequencer.ts'), async (original) => {
  const real = await original();
  const { planting } = await import('./mutant-sequencer.ts');
  return { ...real, Sequencer: planting(real.Sequencer, () => planted.now) };
});

/** What each of these scrubbers does not see. */
const UNSEEN: Readonly<Partial<Record<string, RegExp>>> = {
  'believes the checks of rows': /does not match/,
  'believes inner hashes': /hashes inside/,
};

/** Where a scrubber goes on that leaves this step out; nothing when it does not. */
function skipped(bug: ScrubBug, at: PassPosition): PassPosition[] {
  const isLast = at.next === Math.floor(at.treeSize / 256) - 1;
  if (bug === 'skips the last bundle' && at.phase === 'bundles' && isLast)
    return [{ ...at, next: at.next + 1 }];
  return bug === 'skips the edge' && at.phase === 'edge' ? [{ ...at, phase: 'heads', next: 0 }] : [];
}

let empty: Image;

beforeAll(async () => {
  empty = await imageOf({ duplicates: 'key', leafHashIndex: true }, 0);
});

const SEEDS_MAX = 1_000;
/** A promise that is broken; an odd error is not enough. */
const RULES = /^(?:[SE]\d|SCRUB|L$)/;

function* plans({ seed: first, isRare }: Mutant): Generator<Plan> {
  if (isRare === true) return yield* keptPlans().map(({ plan }) => plan);
  yield planOf(first);
  for (let seed = 0; seed < SEEDS_MAX; seed += 1) yield planOf(seed);
}

/** The first seed and rule that catch a bug; undefined when a thousand do not. */
async function caughtBy(mutant: Mutant): Promise<string | undefined> {
  planted.now = mutant.planted ?? {};
  try {
    for (const plan of plans(mutant)) {
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
  const rows = [...mutants(() => empty, checkCommit), ...eventMutants()].map(
    (mutant) => [mutant.name, mutant] as const,
  );

  test('there are at least 15', () => {
    expect(rows.length).toBeGreaterThanOrEqual(15);
  });

  test.each(rows)('%s', async (name, mutant) => {
    const caught = await caughtBy(mutant);
    console.log(`${name}: ${caught}`);
    expect(caught).toBeDefined();
  });
});
