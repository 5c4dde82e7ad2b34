import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Campaign, type CampaignOptions, stopInOrder } from './campaign.ts';
import { CRASH_POINTS, type CrashPlan, EVENT_CRASH_POINTS } from './crash-points.ts';
import { killFollowing, killForking } from './monitor-campaign.ts';
import { type CompiledPrograms, compilePrograms } from './programs.ts';
import { wakeZombie } from './zombie.ts';

const SEED = Date.now() % 2 ** 32;
let programs: CompiledPrograms;

beforeAll(async () => {
  console.info(`crash seed ${SEED}`);
  programs = await compilePrograms();
});
afterAll(() => programs?.[Symbol.asyncDispose]());

const campaignOf = (options: Partial<CampaignOptions> = {}): Promise<Campaign> =>
  Campaign.create({ programs, kills: 0, seed: SEED, heavyShare: 0.5, killWithinMs: 800, ...options });
/** Those of events, and the one after which a commit is durable and not signed. */
const EVENT_PLANS: readonly CrashPlan[] = [...EVENT_CRASH_POINTS, 'before-raise' as const].map((point) => ({
  point,
  count: 1,
}));
const clean = { lost: 0, conflicts: [], doubled: 0, surprises: [] };

describe('SEQ-2 a killed server loses nothing that it acked and signs no second root', () => {
  test('at random moments', async () => {
    await using campaign = await campaignOf({ kills: 5 });
    expect(await campaign.run()).toMatchObject({ kills: 5, ...clean });
  });

  test('at every named point of a start, a commit and a stop', async () => {
    // The third commit, so that there is something to lose; the next start of all finds what the last one left.
    const plans = CRASH_POINTS.map((point) => ({ point, count: 3 }));
    await using campaign = await campaignOf({ plans, kills: plans.length });
    const result = await campaign.run();
    expect(result).toMatchObject({ kills: plans.length, ...clean });
    expect(Object.keys(result.byPoint)).toEqual(CRASH_POINTS);
  });
});

describe('EVENT-18 a killed server keeps every event that it acked, and shows none that the tree has not', () => {
  test('at random moments, and at the named points of a commit of events', async () => {
    const plans = [...EVENT_PLANS, undefined];
    await using campaign = await campaignOf({ log: 'audit', plans, kills: plans.length, killWithinMs: 300 });
    const result = await campaign.run();
    expect(result).toMatchObject({ kills: plans.length, ...clean });
    expect(result.acked).toBeGreaterThan(0);
  });
});

describe('GUARD-4 a stopped writer that wakes up after a rival took over', () => {
  test('publishes nothing and ends with 70', async () => {
    await using campaign = await campaignOf();
    const { zombie } = await wakeZombie(campaign, 0, 'data');
    expect([zombie.code, zombie.said]).toEqual([70, expect.stringContaining('guard_superseded')]);
    expect(campaign.verdict).toMatchObject({ lost: 0, conflicts: [], doubled: 0 });
  });
});

describe('MONITOR-4 MONITOR-10 a killed monitor', () => {
  const common = { seed: SEED, killWithinMs: 700 };

  test('forgets no head, reads nothing again, and accuses nobody of a fork', async () => {
    const points = ['in-commit', 'after-commit', 'after-raise'] as const;
    // The first one dies while it makes its guard.
    const first = { point: 'in-take-over', count: 8 } as const;
    const plans = [first, ...points.map((point) => ({ point, count: 1 })), undefined];
    const { wrong, kills, size } = await killFollowing({ ...common, programs, plans });
    expect([wrong, kills]).toEqual([[], plans.length]);
    expect(size).toBeGreaterThan(0);
  });

  test('tells a fork all the same, and the file that it names convicts', async () => {
    const plans: (CrashPlan | undefined)[] = [
      { point: 'in-report', count: 300 },
      { point: 'before-tell', count: 0 },
      undefined,
    ];
    const { wrong, kills, told } = await killForking({ ...common, programs, plans });
    expect([wrong, kills]).toEqual([[], plans.length]);
    expect(told).toBeGreaterThanOrEqual(plans.length);
  });
});

describe('the judge', () => {
  test('sees what a restore of old data and their old guard has undone', async () => {
    await using campaign = await campaignOf();
    const load = async (): Promise<void> => {
      const server = await campaign.serve();
      await campaign.compare(server);
      const stop = new AbortController();
      const loading = campaign.load(server, 'light', stop.signal);
      await campaign.moreAcks(500, server);
      stop.abort();
      await loading;
      await stopInOrder(server);
    };
    const paths = ['data', 'data.guard'].map((name) => join(campaign.folder, name));
    await load();
    for (const path of paths) await cp(path, `${path}.old`, { recursive: true });
    await load();
    for (const path of paths) {
      await rm(path, { recursive: true });
      await cp(`${path}.old`, path, { recursive: true });
    }
    await load();
    const server = await campaign.serve();
    const { lost, conflicts } = await campaign.compare(server, true);
    await stopInOrder(server);
    expect(lost).toBeGreaterThan(0);
    expect(conflicts.join('\n')).toContain('was seen');
    campaign.forgive();
  });
});
