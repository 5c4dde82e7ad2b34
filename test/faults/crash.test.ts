import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Campaign, stopInOrder } from '../crash/campaign.ts';
import { REPORT_CRASH_POINTS } from '../crash/crash-points.ts';
import { killFollowing, killForking, randomPlans } from '../crash/monitor-campaign.ts';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { wakeZombie } from '../crash/zombie.ts';
import { buildGoTool, goMissing } from '../interop/go-tool.ts';
import { foundGood, TESSERA_FSCK, tesseraFsck } from '../interop/tessera-fsck.ts';

const KILLS = 50;
const SEED = Date.now() % 2 ** 32;
const clean = { lost: 0, conflicts: [], doubled: 0, surprises: [] };
let programs: CompiledPrograms;

beforeAll(async () => {
  console.info(`crash seed ${SEED}`);
  programs = await compilePrograms();
});
afterAll(() => programs?.[Symbol.asyncDispose]());

describe('SEQ-2 many kills under load', () => {
  test(`${KILLS} kills, half of them under heavy writes; Tessera's fsck accepts what is left`, async () => {
    const options = { programs, kills: KILLS, seed: SEED, heavyShare: 0.5, killWithinMs: 700 };
    await using campaign = await Campaign.create(options);
    const result = await campaign.run();
    console.info(JSON.stringify(result));
    expect(result).toMatchObject({ kills: KILLS, ...clean });
    if (goMissing() !== undefined) return;
    await using fsck = await buildGoTool(TESSERA_FSCK);
    await using checklog = await buildGoTool('./checklog');
    const server = await campaign.serve();
    const url = `${server.url}/logs/main`;
    const log = { origin: campaign.identity.origin, vkey: campaign.vkey };
    expect((await tesseraFsck(fsck, log, `${url}/`)).stderr).toContain(foundGood(result.size));
    const sizes = [1, 255, 256, 257, Math.floor(result.size / 2), result.size - 1].join(',');
    const checked = await checklog.run(['-url', url, '-vkey', campaign.vkey, '-sizes', sizes]);
    expect([checked.exitCode, checked.stderr]).toEqual([0, '']);
    await stopInOrder(server);
  });
});

describe('MONITOR-4 MONITOR-10 many kills of a monitor', () => {
  const common = { seed: SEED, killWithinMs: 700 };

  test('while it follows: no head is forgotten, nothing is read again, and nobody is accused', async () => {
    const plans = randomPlans(10, SEED, 'following');
    const { wrong, kills } = await killFollowing({ ...common, programs, plans });
    expect([wrong, kills]).toEqual([[], plans.length]);
  });

  test('at each point around the evidence of a fork, and at random: it is told, with a file that convicts', async () => {
    const points = REPORT_CRASH_POINTS.map((point) => ({ point, count: 0 }));
    const plans = [...points, ...randomPlans(2, SEED, 'forking')];
    const { wrong, kills } = await killForking({ ...common, programs, plans });
    expect([wrong, kills]).toEqual([[], plans.length]);
  });
});

describe('GUARD-4 writers that wake up after a rival took over', () => {
  test('three times in a row, each time on the copy of the last rival', async () => {
    await using campaign = await Campaign.create({
      ...{ programs, kills: 0, seed: SEED, heavyShare: 0, killWithinMs: 0 },
    });
    let data = 'data';
    for (let round = 0; round < 3; round += 1) {
      const { zombie, data: next } = await wakeZombie(campaign, round, data);
      expect([zombie.code, zombie.said]).toEqual([70, expect.stringContaining('guard_superseded')]);
      expect(campaign.verdict).toMatchObject({ lost: 0, conflicts: [], doubled: 0 });
      data = next;
    }
  });
});
