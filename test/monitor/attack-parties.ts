import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogClient } from '../../src/client/log-client.ts';
import type { TrustOptions } from '../../src/client/trust.ts';
import type { TlogError } from '../../src/core/error.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import {
  type Observation,
  observationOfHead,
  observationOfTree,
  observed,
} from '../../src/monitor/observation.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { type MonitorDesk, openDesk } from '../support/monitor-desk.ts';
import { problem, type TileLog, type View } from '../support/tile-log.ts';
import { isOnMain, logKeys, main, ORIGIN } from './attack-log.ts';

/** How a log answers one who asks. */
export type Answers = (path: string, honest: () => Promise<Response>) => Promise<Response> | Response;
export const honestly: Answers = (_, honest) => honest();

/** What a party is given. */
export interface PartyOptions {
  readonly log: TileLog;
  readonly view: View;
  readonly trust: TrustOptions;
  /** When a head is stale for it. */
  readonly staleSec?: number;
  /** How far its clock is off. */
  readonly driftMs?: number;
  /** Whom it talks to, if that is a monitor. */
  peer(): MonitorParty | undefined;
  /** What the witness has, if there is one: the head it cosigned last, as it shows it to this party. */
  witnessed?(view: View): Promise<string | undefined>;
}

/** One who looks at the log and has a view of its own. */
export abstract class Party {
  view: View;
  answers: Answers = honestly;
  protected readonly options: PartyOptions;

  constructor(options: PartyOptions) {
    this.view = options.view;
    this.options = options;
  }

  /** What it has observed so far. */
  abstract get observed(): readonly Observation[];
  /** Whether all that it has taken is of the honest history. */
  abstract isOnMain(): boolean;
  abstract look(): Promise<void>;
  /** Shows its heads to whom it talks to, and looks at theirs. */
  abstract talk(): Promise<void>;
  abstract pass(ms: number): void;

  /** To the log, the peer or the witness. */
  protected readonly fetch: Fetch = async (url, { body }) => {
    const { hostname, pathname } = new URL(url);
    if (hostname === 'peer.example') return this.#toPeer(body);
    if (hostname === 'witness.example') return this.#toWitness();
    return this.answers(pathname.slice(1), () => this.options.log.answer(this.view, url));
  };

  async #toPeer(body: RequestInit['body']): Promise<Response> {
    const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array);
    const answer = await this.options.peer()?.gossip.answer(new TextEncoder().encode(text));
    return answer === undefined ? problem(404, 'not_found') : Response.json(answer);
  }

  async #toWitness(): Promise<Response> {
    const note = await this.options.witnessed?.(this.view);
    return note === undefined ? problem(404, 'not_found') : new Response(note);
  }
}

const ACCESS = {
  logUrl: 'http://log.example',
  retry: { sleep: async () => undefined, random: () => 0 },
  triesMax: 2,
};

/** A monitor, which talks to a peer and looks at what the witness has. */
export class MonitorParty extends Party {
  readonly #desk: MonitorDesk;
  readonly gossip: Gossip;

  private constructor(options: PartyOptions, open: (fetch: Fetch) => MonitorDesk) {
    super(options);
    this.#desk = open(this.fetch);
    const { witnessed } = options;
    this.gossip = new Gossip({
      ...{ monitor: this.#desk.monitor, clock: this.#desk.clock, gossipMs: 1, fetch: this.fetch },
      peers: ['http://peer.example'],
      witnesses: witnessed === undefined ? [] : ['http://witness.example'],
      keys: logKeys,
      onTrouble: () => undefined,
    });
  }

  static async open(options: PartyOptions): Promise<MonitorParty> {
    const self: { fetch?: Fetch } = {};
    const { trust, staleSec, driftMs = 0 } = options;
    const stale = staleSec === undefined ? {} : { staleSec };
    const desk = await openDesk({ origin: ORIGIN, trust, ...stale }, (url, init) =>
      (self.fetch as Fetch)(url, init),
    );
    desk.clock.ms += driftMs;
    return new MonitorParty(options, (fetch) => {
      self.fetch = fetch;
      return desk;
    });
  }

  get observed(): readonly Observation[] {
    return this.#desk.reported;
  }

  isOnMain(): boolean {
    const [{ size, rootHash } = {}] = this.#desk.monitor.status();
    return size === undefined || rootHash === undefined || isOnMain({ size, rootHash });
  }

  look(): Promise<void> {
    return this.#desk.monitor.once();
  }

  talk(): Promise<void> {
    return this.gossip.exchange();
  }

  /** A head that reached it some other way. */
  async hear(note: string): Promise<void> {
    await this.#desk.monitor.hear(note);
  }

  pass(ms: number): void {
    this.#desk.clock.pass(ms);
  }
}

/** A client, which reads what is new, and talks to a monitor. It has no clock. */
export class ClientParty extends Party {
  readonly #client: LogClient;
  readonly #observed: Observation[] = [];
  #isOnMain = true;
  #read = 0;

  constructor(options: PartyOptions) {
    super(options);
    const { trust } = options;
    this.#client = new LogClient({
      ...{ ...ACCESS, trust, ed25519: ed25519Verify, hasher: nodeHasher },
      fetch: this.fetch,
    });
  }

  get observed(): readonly Observation[] {
    return this.#observed;
  }

  isOnMain(): boolean {
    return this.#isOnMain;
  }

  /** Entries are given out one by one: each counts as taken. */
  async look(): Promise<void> {
    await this.#try(async () => {
      const { checkpoint: head } = await this.#client.checkpoint();
      this.#isOnMain &&= isOnMain(head);
      await this.#try(async () => {
        const start = Math.min(this.#read, head.size);
        for await (const { index, entry } of this.#client.entries({ head, start })) {
          this.#isOnMain &&= Buffer.compare(entry, main.entries[index] as Uint8Array) === 0;
          this.#read = index + 1;
        }
      }, observationOfTree);
    }, observationOfSaid);
  }

  talk(): Promise<void> {
    const gossip = async (): Promise<void> => void (await this.#client.gossip('http://peer.example'));
    return this.#try(gossip, observationOfHeard);
  }

  pass(): void {}

  async #try(work: () => Promise<void>, judge: typeof observationOfTree): Promise<void> {
    const { found } = await observed(work, (error) => judge(error, 0));
    this.#observed.push(...found);
  }
}

/** An error of a head: of the tree that it is of, or of its signatures. */
function observationOfSaid(error: TlogError, size: number): Observation | undefined {
  const isOfTree = ['fork', 'rollback', 'proof_mismatch'].includes(error.code);
  return isOfTree
    ? observationOfTree(error, size)
    : observationOfHead(error, 'http://log.example/checkpoint');
}

/** An error of a head that somebody else has: without a fork there is nothing but the log's word against a signed head. */
function observationOfHeard(error: TlogError, size: number): Observation | undefined {
  const { code, message } = error;
  if (code === 'fork' || code === 'rollback') return observationOfTree(error, size);
  return code === 'proof_mismatch' ? { kind: 'suspicion', message } : undefined;
}
