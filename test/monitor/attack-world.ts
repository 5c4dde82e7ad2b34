import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { TileLog, View } from '../support/tile-log.ts';
import {
  coveredLog,
  logKeys,
  ORIGIN,
  plainLog,
  plainPolicy,
  policy,
  WitnessedTileLog,
} from './attack-log.ts';
import { ClientParty, MonitorParty, type Party, type PartyOptions } from './attack-parties.ts';

/** Who takes part beside a log and a monitor. */
export interface Cast {
  /** Whom the monitor talks to. */
  readonly peer: 'monitor' | 'client';
  /** Whether all ask for the cosignature of a witness, and what sort it is. */
  readonly witness: 'none' | 'honest' | 'cosigns everything';
}

export function pickCast(random: SeededRandom): Cast {
  return {
    peer: random.pick(['monitor', 'monitor', 'client']),
    witness: random.pick(['none', 'honest', 'cosigns everything']),
  };
}

/** A monitor and another who talks to it. */
export interface World {
  readonly cast: Cast;
  readonly log: TileLog;
  readonly a: MonitorParty;
  readonly b: Party;
}

/** What the parties of a world have in common. */
type Common = Omit<PartyOptions, 'peer'>;

/** The log of a cast, and how its parties see it. An honest witness is that of `log`, where one is given. */
export async function commonOf(
  cast: Cast,
  view: View,
  { staleSec, log }: { readonly staleSec?: number; readonly log?: WitnessedTileLog } = {},
): Promise<Common> {
  const stale = staleSec === undefined ? {} : { staleSec };
  if (cast.witness === 'none')
    return { log: plainLog, view, trust: { policy: plainPolicy, origin: ORIGIN }, ...stale };
  const trust = { policy, origin: ORIGIN };
  if (cast.witness === 'cosigns everything')
    return { log: coveredLog, view, trust, ...stale, witnessed: (seen) => coveredLog.note(seen) };
  const asked = log ?? (await WitnessedTileLog.open());
  return { log: asked, view, trust, ...stale, witnessed: () => asked.witnessed() };
}

/** Two who talk to each other; `driftMs` is how far their clocks are off. */
export async function newWorld(
  cast: Cast,
  common: Common,
  [driftA, driftB]: readonly [number, number] = [0, 0],
): Promise<World> {
  const met: { a?: MonitorParty; b?: MonitorParty } = {};
  const a = await MonitorParty.open({ ...common, driftMs: driftA, peer: () => met.b });
  met.a = a;
  const options = { ...common, driftMs: driftB, peer: () => met.a };
  if (cast.peer === 'client') return { cast, log: common.log, a, b: new ClientParty(options) };
  const b = await MonitorParty.open(options);
  met.b = b;
  return { cast, log: common.log, a, b };
}

/** Each looks at the log. */
export async function look({ a, b }: World): Promise<void> {
  await a.look();
  await b.look();
}

/** Each shows the other its heads, and looks at the log again. */
export async function gossipRound(world: World): Promise<void> {
  await world.a.talk();
  await world.b.talk();
  await look(world);
}

/** Whether evidence convicts the log, with its key alone. */
export async function convicts({ evidence }: Observation): Promise<boolean> {
  if (evidence === undefined) return false;
  const trust = { keys: logKeys, ed25519: ed25519Verify };
  const { accused } = await judgeEvidence(nodeHasher, parseEvidence(evidence), trust);
  return accused === 'log';
}
