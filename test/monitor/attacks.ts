import type { AlertKind } from '../../src/alert/alert.ts';
import { formatSignatureLine } from '../../src/core/note/signed-note.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { problem } from '../support/tile-log.ts';
import {
  type Answers,
  convicts,
  gossipRound,
  honestly,
  look,
  main,
  newWorld,
  noteOf,
  pickFork,
  Watcher,
  type World,
} from './attack-world.ts';

/** What an attack came to. A name, and what is wrong with the outcome if anything is. */
export interface Outcome {
  readonly attack: string;
  readonly detected: boolean;
  readonly wrong?: string;
}

/** Sets an attack up in a world in which both have verified `size` honest entries; `next` is a larger size. */
type Attack = (
  world: World,
  at: { readonly size: number; readonly next: number; readonly random: SeededRandom },
) => void;

interface Planned {
  readonly attack: Attack;
  /** What it must be called where it is detected. */
  readonly kinds: readonly AlertKind[];
  /** Whether the policy of both asks for a witness, which cosigns whatever it is shown. */
  readonly isCosigned?: true;
}

const onPath = (
  part: string,
  lie: (honest: () => Promise<Response>) => Promise<Response> | Response,
): Answers => {
  return (path, honest) => (path.startsWith(part) ? lie(honest) : honest());
};

/** A bit of an answer is another one. */
const flipped =
  (random: SeededRandom) =>
  async (honest: () => Promise<Response>): Promise<Response> => {
    const bytes = new Uint8Array(await (await honest()).arrayBuffer());
    const at = random.int(0, Math.max(1, bytes.length));
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(0, 8));
    return new Response(bytes);
  };

const grown = ({ a, b }: World, next: number): void => {
  for (const watcher of [a, b]) watcher.view = { history: main, size: next };
};

/** A lie to one of the two about the part of a larger honest tree. */
const lieAbout =
  (
    part: string,
    lie: (random: SeededRandom) => (honest: () => Promise<Response>) => Promise<Response> | Response,
  ): Attack =>
  (world, { next, random }) => {
    grown(world, next);
    random.pick([world.a, world.b]).answers = onPath(part, lie(random));
  };

const forkByClient: Attack = ({ a, b }, { size, next, random }) => {
  a.view = { history: main, size: next };
  b.view = { history: pickFork(random, size), size: random.int(size, next + 1) };
};

/** Everything a lying log does here. */
export const ATTACKS: Readonly<Record<string, Planned>> = {
  'fork by client': { kinds: ['fork'], attack: forkByClient },
  'fork by client, cosigned by a witness that cosigns everything': {
    kinds: ['fork', 'bad_witness'],
    attack: forkByClient,
    isCosigned: true,
  },
  'fork by client, of one size': {
    kinds: ['fork'],
    attack: ({ a, b }, { size, next, random }) => {
      a.view = { history: main, size: next };
      b.view = { history: pickFork(random, size), size: next };
    },
  },
  'fork by client from the start': {
    kinds: ['fork'],
    attack: ({ a }, { size, random }) => {
      a.view = { history: pickFork(random, size), size: random.int(size, 500) };
    },
  },
  'fork by time': {
    kinds: ['fork'],
    attack: ({ a, b }, { size, next, random }) => {
      const view = { history: pickFork(random, size), size: next };
      for (const watcher of random.pick([[a], [b], [a, b]])) watcher.view = view;
    },
  },
  rollback: {
    kinds: ['rollback'],
    attack: ({ a, b }, { size, random }) => {
      const view = { history: main, size: random.int(0, size) };
      for (const watcher of random.pick([[a], [b], [a, b]])) watcher.view = view;
    },
  },
  freeze: {
    kinds: ['stale_head'],
    attack: ({ a, b }) => {
      for (const { desk } of [a, b]) desk.clock.pass(1_000_000);
    },
  },
  'a hidden entry': {
    kinds: ['no_proof'],
    attack: lieAbout('tile/entries/', () => () => problem(404, 'not_found')),
  },
  'a hidden tile': {
    kinds: ['no_proof'],
    attack: lieAbout('tile/0/', () => () => problem(404, 'not_found')),
  },
  'an altered entry': { kinds: ['bad_entry', 'bad_tile'], attack: lieAbout('tile/entries/', flipped) },
  'an altered tile': { kinds: ['bad_tile', 'bad_entry'], attack: lieAbout('tile/0/', flipped) },
  'an altered head': { kinds: ['bad_signature'], attack: lieAbout('checkpoint', flipped) },
  'entries of another history': {
    kinds: ['bad_entry', 'bad_tile'],
    attack: (world, { next, random }) => {
      grown(world, next);
      const history = pickFork(random, next);
      world.a.answers = async (path, honest) => {
        if (!path.startsWith('tile/entries/')) return honest();
        const { parseBundlePath } = await import('../../src/core/tile/path.ts');
        return new Response(new Uint8Array(history.bundle(parseBundlePath(path))));
      };
    },
  },
  'a silence': { kinds: [], attack: lieAbout('', () => () => Promise.reject(new TypeError('reset'))) },
  'an answer that is too long': {
    kinds: ['bad_signature', 'bad_tile'],
    attack: lieAbout('', () => () => new Response(new Uint8Array(1_100_000 + 32 * 256))),
  },
  'a redirect': {
    kinds: ['bad_signature', 'bad_tile', 'no_proof'],
    attack: lieAbout(
      '',
      () => () => new Response(null, { status: 302, headers: { Location: 'http://127.0.0.1/' } }),
    ),
  },
  '10,000 signatures': {
    kinds: ['bad_signature'],
    attack: lieAbout('checkpoint', () => async (honest) => {
      const line = formatSignatureLine({ name: 'x', keyId: 1, signature: new Uint8Array(64) });
      return new Response((await (await honest()).text()) + line.repeat(10_000));
    }),
  },
  'a server that cries fork': { kinds: [], attack: lieAbout('', () => () => problem(500, 'fork')) },
};

/**
 * One attack. Detected: somebody has observed what it must be called, within two rounds of gossip. If it was not, nobody may have
 * taken a head outside the honest history. A fork that is called one has to convict.
 */
export async function tryAttack(name: string, random: SeededRandom): Promise<Outcome> {
  const { attack, kinds, isCosigned = false } = ATTACKS[name] as Planned;
  const size = random.int(2, 300);
  const next = random.int(size + 1, 500);
  const world = await newWorld({ history: main, size }, { staleSec: 600, isCosigned });
  await look(world);
  attack(world, { size, next, random });
  await look(world);
  for (let round = 0; round < 2; round += 1) await gossipRound(world);
  const observed = [...world.a.observed, ...world.b.observed];
  const detected = observed.some(({ kind }) => kinds.includes(kind));
  const other = observed.find(({ kind }) => !kinds.includes(kind));
  if (other !== undefined) return { attack: name, detected, wrong: `called ${other.kind}: ${other.message}` };
  if (!detected && ![world.a, world.b].every((watcher) => watcher.isOnMain()))
    return { attack: name, detected, wrong: 'a head outside the honest history, and nobody knows' };
  if (isCosigned && !observed.some(({ kind }) => kind === 'bad_witness'))
    return { attack: name, detected, wrong: 'the witness is not accused' };
  const forks = observed.filter(({ kind }) => kind === 'fork');
  for (const fork of forks)
    if (!(await convicts(fork))) return { attack: name, detected, wrong: 'no conviction' };
  return { attack: name, detected };
}

/** An honest log, seen by two who lag, lose answers, and talk. Gives what anybody has observed: nothing is right. */
export async function honestRun(random: SeededRandom): Promise<string | undefined> {
  const world = await newWorld({ history: main, size: random.int(0, 60) });
  for (let top = 100; top <= 140; top += 40) {
    for (const watcher of [world.a, world.b]) growHonestly(watcher, top, random);
    await gossipRound(world);
    await hearHonestly(world.a, top, random);
  }
  return firstOf(world);
}

/** An honest log, seen by one who loses answers and hears of heads of others, older and newer. */
export async function honestLook(random: SeededRandom): Promise<string | undefined> {
  const watcher = await Watcher.open({ history: main, size: random.int(0, 60) }, () => watcher);
  await watcher.desk.monitor.once();
  growHonestly(watcher, 100, random);
  await hearHonestly(watcher, 140, random);
  await watcher.desk.monitor.once();
  return firstOf({ a: watcher, b: watcher });
}

const lossy =
  (random: SeededRandom): Answers =>
  (_, honest) =>
    random.next() < 0.15 ? Promise.reject(new TypeError('reset')) : honest();

function growHonestly(watcher: World['a'], top: number, random: SeededRandom): void {
  watcher.view = { history: main, size: random.int(watcher.view.size, top) };
  watcher.answers = random.next() < 0.3 ? lossy(random) : honestly;
}

async function hearHonestly({ desk }: World['a'], top: number, random: SeededRandom): Promise<void> {
  if (random.next() < 0.5) await desk.monitor.hear(await noteOf({ history: main, size: random.int(0, top) }));
}

function firstOf({ a, b }: World): string | undefined {
  const [found] = [...a.observed, ...b.observed];
  return found === undefined ? undefined : `${found.kind}: ${found.message}`;
}
