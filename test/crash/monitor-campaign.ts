import { SeededRandom } from '../support/seeded-random.ts';
import { History, type View } from '../support/tile-log.ts';
import { type CrashPlan, type CrashPoint, REPORT_CRASH_POINTS } from './crash-points.ts';
import { type Death, type MonitorPrograms, MonitorWorld } from './monitor-world.ts';

/** Points that a monitor passes while it follows an honest log. */
export const FOLLOW_CRASH_POINTS: readonly CrashPoint[] = [
  ...(['before-accept', 'after-accept', 'before-take-over', 'in-take-over', 'after-take-over'] as const),
  ...(['before-commit', 'in-commit', 'after-commit', 'before-raise', 'in-raise', 'after-raise'] as const),
];

/** The log grows by at most so many entries from one look to the next, and by at most so many a life. */
const LOOK_ENTRIES_MAX = 150;
const LIFE_ENTRIES_MAX = 1_000;
/** What both sides have seen before a fork, and the most that either history has. */
const SHARED = 300;
const FORKED_MAX = 700;

/** What a campaign against a monitor is. */
export interface MonitorCampaign {
  readonly programs: MonitorPrograms;
  readonly seed: number;
  /** Where each process dies; undefined: at a random moment. */
  readonly plans: readonly (CrashPlan | undefined)[];
  /** Longest time from ready to a random kill, in ms. */
  readonly killWithinMs: number;
  readonly onKill?: (how: string, wrong: readonly string[]) => void;
}

/** What it came to: `wrong` must be empty. */
export interface MonitorVerdict {
  readonly kills: number;
  readonly wrong: readonly string[];
  /** Entries that were verified in the end; of forks those before them. */
  readonly size: number;
  /** Alerts that arrived. */
  readonly told: number;
}

/** Kills a monitor that follows a growing log and talks to a peer: it forgets nothing, reads nothing again, and accuses nobody. */
export async function killFollowing({
  programs,
  seed,
  plans,
  ...options
}: MonitorCampaign): Promise<MonitorVerdict> {
  const random = new SeededRandom(seed);
  const history = new History(plans.length * LIFE_ENTRIES_MAX);
  const view: View = { history, size: 1 };
  await using world = await MonitorWorld.create(programs, { own: view, peer: view });
  world.log.onLook = () => {
    const { size } = world.log.views.own;
    const grown = Math.min(size + random.int(1, LOOK_ENTRIES_MAX), history.entries.length);
    const next: View = { history, size: grown };
    Object.assign(world.log.views, { own: next, peer: next });
  };
  for (const plan of plans) {
    await world.life(deathOf(plan, random, options.killWithinMs));
    options.onKill?.(plan?.point ?? 'random', world.wrong);
  }
  const { code, treeSize } = await world.once();
  if (code !== 0) world.wrong.push(`--once ended with ${code}`);
  if (treeSize !== world.log.views.own.size) world.wrong.push(`--once verified ${treeSize}`);
  await world.checkQuiet();
  return { kills: plans.length, wrong: world.wrong, size: treeSize, told: world.log.arrived.length };
}

/** Kills monitors that find a fork, one each: it is told all the same, with a file that convicts, and what was told stays told. */
export async function killForking({ plans, ...campaign }: MonitorCampaign): Promise<MonitorVerdict> {
  const random = new SeededRandom(campaign.seed);
  const wrong: string[] = [];
  let told = 0;
  for (const [i, plan] of plans.entries()) {
    const found = await killAtFork(campaign, plan, { random, side: i % 2 === 0 ? 'own' : 'peer' });
    wrong.push(...found.wrong);
    told += found.told;
    campaign.onKill?.(plan?.point ?? 'random', wrong);
  }
  return { kills: plans.length, wrong, size: SHARED, told };
}

async function killAtFork(
  { programs, killWithinMs }: Omit<MonitorCampaign, 'plans'>,
  plan: CrashPlan | undefined,
  { random, side }: { readonly random: SeededRandom; readonly side: 'own' | 'peer' },
): Promise<Pick<MonitorVerdict, 'wrong' | 'told'>> {
  const main: View = { history: new History(SHARED), size: SHARED };
  const history = new History(FORKED_MAX, { from: random.int(0, SHARED), name: 'the fork' });
  const other: View = { history, size: random.int(SHARED, FORKED_MAX) };
  // A peer that has seen the shared history does not take the other one.
  const views = { own: main, peer: side === 'peer' ? other : main };
  await using world = await MonitorWorld.create(programs, views);
  await world.prepare();
  world.log.views[side] = other;
  await world.life(deathOf(plan, random, killWithinMs));
  const looks = async (): Promise<void> => {
    const { code } = await world.once();
    if (code !== 1) world.wrong.push(`--once of a forked log ended with ${code}`);
  };
  await looks();
  const told = world.log.arrived.length;
  await looks();
  if (world.log.arrived.length > told) world.wrong.push('what was told is told again');
  await world.checkConvicted();
  const { code, stdout } = await world.verify();
  if (code !== 0) world.wrong.push(`stele verify ended with ${code}: ${stdout}`);
  return { wrong: world.wrong, told };
}

function deathOf(plan: CrashPlan | undefined, random: SeededRandom, killWithinMs: number): Death {
  if (plan !== undefined) return { at: plan };
  return random.next() < 0.25 ? { spawnedMs: random.int(50, 700) } : { readyMs: random.int(0, killWithinMs) };
}

/** So many deaths, half of them at random moments, the others at points of a list. */
export function randomPlans(
  kills: number,
  seed: number,
  of: 'following' | 'forking',
): readonly (CrashPlan | undefined)[] {
  const random = new SeededRandom(seed);
  const points = of === 'following' ? FOLLOW_CRASH_POINTS : REPORT_CRASH_POINTS;
  return Array.from({ length: kills }, () => {
    const point = random.pick(points);
    return random.next() < 0.5 ? undefined : { point, count: countOf(point, random) };
  });
}

function countOf(point: CrashPoint, random: SeededRandom): number {
  // Passed in each turn of the event loop, while a guard is written and synced.
  if (point === 'in-take-over') return 2 ** random.int(0, 6);
  // What a process passes once only.
  if (/take-over$|accept$/.test(point)) return 0;
  // Passed in each turn of the event loop: hundreds of them while a file is written.
  return /^in-(?:report|tell)$/.test(point) ? 2 ** random.int(0, 11) : random.int(0, 6);
}
