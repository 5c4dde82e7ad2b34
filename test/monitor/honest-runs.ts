import type { SeededRandom } from '../support/seeded-random.ts';
import { main, WitnessedTileLog } from './attack-log.ts';
import { type Answers, honestly, MonitorParty, type Party } from './attack-parties.ts';
import { type Cast, commonOf, gossipRound, newWorld } from './attack-world.ts';

/** Sizes that the log has published, each cosigned a second after the one before. */
const PUBLISHED = 300;
/** A clock that is off by less is right. */
const DRIFT_MS = 50_000;

let opened: Promise<WitnessedTileLog> | undefined;

/** An honest log with an honest witness. All that it shows was cosigned when it was the newest. */
function publishedLog(): Promise<WitnessedTileLog> {
  opened ??= WitnessedTileLog.open().then(async (log) => {
    for (let size = 0; size <= PUBLISHED; size += 1) {
      await log.note({ history: main, size });
      log.clock.pass(1_000);
    }
    return log;
  });
  return opened;
}

function pickHonest(random: SeededRandom): Cast {
  return {
    peer: random.pick(['monitor', 'client']),
    // A witness makes a run three times as long.
    witness: random.pick(['none', 'none', 'none', 'honest']),
  };
}

/** An answer or so of ten is lost. */
const lossy =
  (random: SeededRandom): Answers =>
  (_, honest) =>
    random.next() < 0.15 ? Promise.reject(new TypeError('reset')) : honest();

/** It sees a newer head, some time later, or the same: copies of a log lag. */
function grow(party: Party, top: number, random: SeededRandom): void {
  const size = random.int(party.view.size, top);
  party.pass((size - party.view.size) * 1_000 + random.int(0, 20_000));
  party.view = { history: main, size };
  party.answers = random.next() < 0.3 ? lossy(random) : honestly;
}

/** How the clock of one stands that sees a size when it is published, beside that of the witness when it began. */
const clockAt = (size: number, random: SeededRandom): number =>
  size * 1_000 + random.int(-DRIFT_MS, DRIFT_MS);

/** Where a run begins: most at few entries, some before the second tile. */
function firstSize(random: SeededRandom): number {
  return random.next() < 0.05 ? random.int(230, 250) : random.int(0, 40);
}

/** An honest log, seen by two who lag, lose answers, have clocks that are off, and talk. Gives what anybody has observed: nothing is right. */
export async function honestRun(random: SeededRandom): Promise<string | undefined> {
  const cast = pickHonest(random);
  const log = await publishedLog();
  const size = firstSize(random);
  const common = await commonOf(cast, { history: main, size }, { staleSec: 600, log });
  const world = await newWorld(cast, common, [clockAt(size, random), clockAt(size, random)]);
  for (let top = size + 20; top <= size + 40; top += 20) {
    for (const party of [world.a, world.b]) grow(party, top, random);
    await gossipRound(world);
    await hear(world.a, top, random);
  }
  return firstOf([world.a, world.b]);
}

/** An honest log, seen by one who loses answers, hears of heads of others, older and newer, and looks at what the witness has. */
export async function honestLook(random: SeededRandom): Promise<string | undefined> {
  const cast = pickHonest(random);
  const log = await publishedLog();
  const size = firstSize(random);
  const common = await commonOf(cast, { history: main, size }, { staleSec: 600, log });
  const monitor = await MonitorParty.open({
    ...common,
    driftMs: clockAt(size, random),
    peer: () => undefined,
  });
  await monitor.look();
  grow(monitor, size + 20, random);
  await hear(monitor, size + 40, random);
  await monitor.talk();
  await monitor.look();
  return firstOf([monitor]);
}

async function hear(monitor: MonitorParty, top: number, random: SeededRandom): Promise<void> {
  const log = await publishedLog();
  if (random.next() < 0.5) await monitor.hear(await log.note({ history: main, size: random.int(0, top) }));
}

function firstOf(parties: readonly Party[]): string | undefined {
  const [found] = parties.flatMap(({ observed }) => observed);
  return found === undefined ? undefined : `${found.kind}: ${found.message}`;
}
