import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';
import { killFollowing, killForking, randomPlans } from './monitor-campaign.ts';

/*
 * `npm run crash -- [--kills N] [--log main|audit] [--seed S] [--heavy SHARE] [--within MS]`: kills the server N times under load and
 * compares after each restart what clients were promised with what is there. `--of monitor` kills a monitor instead: half of the times
 * while it follows an honest log, half of them when it finds a fork. Exits with 1 when anything differs.
 */

const OUT = join(import.meta.dirname, '..', '..');
const CLI = join(OUT, 'src', 'cli', 'main.js');

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { kills: text, log: text, seed: text, heavy: text, within: text, of: text },
  });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  process.stderr.write(`seed ${seed}\n`);
  if (values.of === 'monitor')
    return monitor(seed, Number(values.kills ?? 50), Number(values.within ?? 1_000));
  await using campaign = await Campaign.create({
    programs: {
      cli: CLI,
      pointServer: join(OUT, 'test', 'crash', 'point-server.js'),
    },
    log: values.log === 'audit' ? 'audit' : 'main',
    kills: Number(values.kills ?? 50),
    seed,
    heavyShare: Number(values.heavy ?? 0.5),
    killWithinMs: Number(values.within ?? 2_000),
    onKill: (done, how, { size, lost, conflicts }) =>
      process.stderr.write(`${done} ${how}: size ${size}, lost ${lost}, conflicts ${conflicts.length}\n`),
  });
  const startedAt = performance.now();
  const result = await campaign.run();
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  process.stdout.write(`${JSON.stringify({ seed, seconds, ...result }, null, 2)}\n`);
  return result.lost + result.conflicts.length + result.doubled + result.surprises.length === 0 ? 0 : 1;
}

async function monitor(seed: number, kills: number, killWithinMs: number): Promise<number> {
  const programs = { cli: CLI, pointMonitor: join(OUT, 'test', 'crash', 'point-monitor.js') };
  const onKill = (how: string, wrong: readonly string[]): void =>
    void process.stderr.write(`${how}: ${wrong.length} wrong\n`);
  const common = { programs, seed, killWithinMs, onKill };
  const half = Math.ceil(kills / 2);
  const following = await killFollowing({ ...common, plans: randomPlans(half, seed, 'following') });
  const forking = await killForking({ ...common, plans: randomPlans(kills - half, seed, 'forking') });
  process.stdout.write(`${JSON.stringify({ seed, following, forking }, null, 2)}\n`);
  return following.wrong.length + forking.wrong.length === 0 ? 0 : 1;
}

process.exitCode = await main();
