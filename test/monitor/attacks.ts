import type { AlertKind } from '../../src/alert/alert.ts';
import { formatSignatureLine } from '../../src/core/note/signed-note.ts';
import { parseBundlePath } from '../../src/core/tile/path.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { problem } from '../support/tile-log.ts';
import { main, pickFork } from './attack-log.ts';
import type { Answers } from './attack-parties.ts';
import {
  type Cast,
  commonOf,
  convicts,
  gossipRound,
  look,
  newWorld,
  pickCast,
  type World,
} from './attack-world.ts';

/** What an attack came to. A name, and what is wrong with the outcome if anything is. */
export interface Outcome {
  readonly attack: string;
  readonly cast: Cast;
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
  /** It begins before anybody has seen anything. */
  readonly isFirst?: true;
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
  for (const party of [a, b]) party.view = { history: main, size: next };
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
  'fork by client, of one size': {
    kinds: ['fork'],
    attack: ({ a, b }, { size, next, random }) => {
      a.view = { history: main, size: next };
      b.view = { history: pickFork(random, size), size: next };
    },
  },
  'fork below what was verified': {
    kinds: ['fork'],
    attack: ({ a }, { size, random }) => {
      a.view = { history: pickFork(random, size), size: random.int(size, 500) };
    },
  },
  // No word of the log contradicts another until the two talk.
  'fork from the start, self-consistent on both sides': {
    kinds: ['fork'],
    isFirst: true,
    attack: ({ a, b }, { size, next, random }) => {
      const sides = random.pick([
        [a, b],
        [b, a],
      ] as const);
      sides[0].view = { history: main, size: random.int(size, next + 1) };
      sides[1].view = { history: pickFork(random, size), size: random.int(size, next + 1) };
    },
  },
  'fork by time': {
    kinds: ['fork'],
    attack: ({ a, b }, { size, next, random }) => {
      const view = { history: pickFork(random, size), size: next };
      for (const party of random.pick([[a], [b], [a, b]])) party.view = view;
    },
  },
  rollback: {
    kinds: ['rollback'],
    attack: ({ a, b }, { size, random }) => {
      const view = { history: main, size: random.int(0, size) };
      for (const party of random.pick([[a], [b], [a, b]])) party.view = view;
    },
  },
  freeze: {
    kinds: ['stale_head'],
    attack: ({ a, b }) => {
      for (const party of [a, b]) party.pass(1_000_000);
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
  // The cosignature of a witness is a part of it, too.
  'an altered head': {
    kinds: ['bad_signature', 'missing_witnesses'],
    attack: lieAbout('checkpoint', flipped),
  },
  'entries of another history': {
    kinds: ['bad_entry', 'bad_tile'],
    attack: (world, { next, random }) => {
      grown(world, next);
      const history = pickFork(random, next);
      world.a.answers = async (path, honest) => {
        if (!path.startsWith('tile/entries/')) return honest();
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

/** What else the witness of a world makes of an attack: it cosigns no second history, or is convicted of it. */
const OF_WITNESS: Readonly<Record<Cast['witness'], readonly AlertKind[]>> = {
  none: [],
  honest: ['missing_witnesses'],
  'cosigns everything': ['bad_witness'],
};

/** A client that is behind the fork has the log's word against the head of a monitor. */
function besides({ peer, witness }: Cast, kinds: readonly AlertKind[]): readonly AlertKind[] {
  const isFork = kinds.includes('fork') && peer === 'client';
  return [...OF_WITNESS[witness], ...(isFork ? (['suspicion'] as const) : [])];
}

/**
 * One attack. Detected: somebody has observed what it must be called, within two rounds of gossip. If it was not, nobody may have
 * taken a head or entry outside the honest history. A fork that is called one has to convict.
 */
export async function tryAttack(name: string, random: SeededRandom): Promise<Outcome> {
  const { attack, kinds, isFirst = false } = ATTACKS[name] as Planned;
  const cast = pickCast(random);
  // Most are of few entries, for they are quick; the others go over the end of a tile.
  const size = random.int(2, random.next() < 0.3 ? 300 : 60);
  const next = random.int(size + 1, size + 200);
  const world = await newWorld(cast, await commonOf(cast, { history: main, size }, { staleSec: 600 }));
  // An honest witness has seen the honest history first: it cannot know that another is meant to be.
  if (isFirst) await world.log.note(world.a.view);
  else await look(world);
  attack(world, { size, next, random });
  await look(world);
  for (let round = 0; round < 2; round += 1) await gossipRound(world);
  const observed = [...world.a.observed, ...world.b.observed];
  const detected = observed.some(({ kind }) => kinds.includes(kind));
  const wrong = await wrongWith(world, detected, [...kinds, ...besides(cast, kinds)]);
  return { attack: name, cast, detected, ...(wrong === undefined ? {} : { wrong }) };
}

async function wrongWith(
  { a, b, cast }: World,
  detected: boolean,
  kinds: readonly AlertKind[],
): Promise<string | undefined> {
  const observed = [...a.observed, ...b.observed];
  const other = observed.find(({ kind }) => !kinds.includes(kind));
  if (other !== undefined) return `called ${other.kind}: ${other.message}`;
  if (!detected && ![a, b].every((party) => party.isOnMain()))
    return 'a head outside the honest history, and nobody knows';
  const isFork = ({ kind }: Observation): boolean => kind === 'fork';
  for (const fork of observed.filter(isFork)) if (!(await convicts(fork))) return 'no conviction';
  const isAccused = observed.some(({ kind }) => kind === 'bad_witness');
  if (cast.witness === 'cosigns everything' && a.observed.some(isFork) && !isAccused)
    return 'the witness is not accused';
  return undefined;
}
