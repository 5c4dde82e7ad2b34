import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { COSIGNATURE_V1, parseVerifierKey } from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { testSigner } from '../support/growing-log.ts';
import { type MonitorDesk, type MonitorMemory, monitorMemory, openDesk } from '../support/monitor-desk.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { History, TileLog, type View } from '../support/tile-log.ts';
import { HandClock } from '../support/witness-desk.ts';

export const ORIGIN = 'log.example/main';
const SIZE = 600;
const log = new TileLog(testSigner(ORIGIN));
const key = parseVerifierKey(log.signer.vkey);
/** A witness that cosigns whatever it is shown, and the log whose heads it cosigns. */
const accomplice = generateSigningKey(
  (length) => new Uint8Array(length).fill(7),
  'w.example',
  COSIGNATURE_V1,
);
const cosignedLog = new TileLog(log.signer, [createCosigner(accomplice.skey)], new HandClock().ms / 1_000);
const policy = parsePolicy(`log ${log.signer.vkey}\nwitness w ${accomplice.vkey}\nquorum w\n`);

/** The history that is the honest one, and others that leave it at some entry. */
export const main: History = new History(SIZE);
const FORKS: readonly (readonly [number, History])[] = [1, 7, 64, 100, 255, 256, 257, 300, 400].map(
  (from) => [from, new History(SIZE, { from, name: `fork at ${from}` })],
);

/** How a log answers one who asks. */
export type Answers = (path: string, honest: () => Promise<Response>) => Promise<Response> | Response;
export const honestly: Answers = (_, honest) => honest();

/** Another history that has left the honest one below a size: two heads from there on contradict each other. */
export function pickFork(random: SeededRandom, size: number): History {
  return random.pick(FORKS.filter(([from]) => from < size))[1];
}

/** How a watcher looks: what it keeps, when a head is stale for it, and whether it asks for the cosignature of the witness. */
interface WatcherOptions {
  readonly memory?: MonitorMemory;
  readonly staleSec?: number;
  readonly isCosigned?: boolean;
}

/** One who watches the log: a monitor with its own view of it. */
export class Watcher {
  view: View;
  answers: Answers = honestly;
  readonly gossip: Gossip;
  readonly desk: MonitorDesk;

  private constructor(
    view: View,
    desk: (watcher: Watcher) => MonitorDesk,
    gossip: (watcher: Watcher) => Gossip,
  ) {
    this.view = view;
    this.desk = desk(this);
    this.gossip = gossip(this);
  }

  /** Opens a monitor; `peer` is who it talks to. */
  static async open(
    first: View,
    peer: () => Watcher,
    { memory = monitorMemory(), staleSec, isCosigned = false }: WatcherOptions = {},
  ): Promise<Watcher> {
    const self: { watcher?: Watcher } = {};
    const fetch: Fetch = async (url) => {
      const { view, answers } = self.watcher as Watcher;
      return answers(new URL(url).pathname.slice(1), () =>
        (isCosigned ? cosignedLog : log).answer(view, url),
      );
    };
    const stale = staleSec === undefined ? {} : { staleSec };
    const desk = await openDesk(
      {
        origin: ORIGIN,
        trust: isCosigned ? { policy, origin: ORIGIN } : { vkey: log.signer.vkey },
        ...stale,
      },
      fetch,
      memory,
    );
    const toPeer: Fetch = async (_, { body }) =>
      Response.json(await peer().gossip.answer(new TextEncoder().encode(String(body))));
    const gossip = new Gossip({
      ...{
        monitor: desk.monitor,
        clock: desk.clock,
        peers: ['http://peer.example'],
        witnesses: [],
        gossipMs: 1,
      },
      ...{ keys: [key], fetch: toPeer, onTrouble: () => undefined },
    });
    self.watcher = new Watcher(
      first,
      () => desk,
      () => gossip,
    );
    return self.watcher;
  }

  /** What was observed so far. */
  get observed(): readonly Observation[] {
    return this.desk.reported;
  }

  /** Whether the verified head is one of the honest history, or none. */
  isOnMain(): boolean {
    const [status] = this.desk.monitor.status();
    const { size, rootHash } = status ?? {};
    return size === undefined || rootHash === undefined || Buffer.compare(rootHash, main.root(size)) === 0;
  }
}

/** Two watchers who talk to each other. */
export interface World {
  readonly a: Watcher;
  readonly b: Watcher;
}

export async function newWorld(view: View, options: WatcherOptions = {}): Promise<World> {
  const world: { a?: Watcher; b?: Watcher } = {};
  world.a = await Watcher.open(view, () => world.b as Watcher, options);
  world.b = await Watcher.open(view, () => world.a as Watcher, options);
  return world as World;
}

/** Each looks at the log. */
export async function look({ a, b }: World): Promise<void> {
  await a.desk.monitor.once();
  await b.desk.monitor.once();
}

/** Each shows the other its heads, and looks at the log again. */
export async function gossipRound(world: World): Promise<void> {
  await world.a.gossip.exchange();
  await world.b.gossip.exchange();
  await look(world);
}

/** Whether evidence convicts the log, with its key alone. */
export async function convicts({ evidence }: Observation): Promise<boolean> {
  if (evidence === undefined) return false;
  const trust = { keys: [key], ed25519: ed25519Verify };
  const { accused } = await judgeEvidence(nodeHasher, parseEvidence(evidence), trust);
  return accused === 'log';
}

/** The signed head of a view. */
export function noteOf(view: View): Promise<string> {
  return log.note(view);
}
