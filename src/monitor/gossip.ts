import { boundedFetch, type Fetch } from '../client/bounded-fetch.ts';
import { TlogError } from '../core/error.ts';
import { parseEvidence } from '../core/evidence/evidence.ts';
import { judgeEvidence } from '../core/evidence/judge.ts';
import type { VerifierKey } from '../core/note/key.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import type { Clock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { originHash } from '../witness/witness-record.ts';
import { Asking } from './asking.ts';
import {
  GOSSIP_ANSWER_BYTES_MAX,
  GOSSIP_NOTES_BYTES_MAX,
  GOSSIP_NOTES_MAX,
  type GossipResult,
  parseGossip,
  parseGossipAnswer,
  withinAnswer,
} from './gossip-text.ts';
import { PeerLimits } from './peer-limits.ts';
import type { Monitor } from './running-monitor.ts';
import { Turns } from './turns.ts';

const TIMEOUT_MS = 30_000;
/** Logs whose heads a witness is asked for at once. */
const LANES = 8;
const TURN = { notesMax: GOSSIP_NOTES_MAX, bytesMax: GOSSIP_NOTES_BYTES_MAX } as const;

/** Whom a monitor talks to, and about what. */
export interface GossipDeps {
  readonly monitor: Monitor;
  readonly clock: Clock;
  /** Addresses of monitors, and of witnesses. */
  readonly peers: readonly string[];
  readonly witnesses: readonly string[];
  readonly gossipMs: number;
  /** Keys of the followed logs. */
  readonly keys: readonly VerifierKey[];
  readonly fetch: Fetch;
  /** A peer that does not answer, or not as it should: nothing is said of any log by that. */
  onTrouble(peer: string, error: TlogError): void;
  /** How long one log is asked for what one request needs; 10 s. */
  readonly askingMs?: number;
}

/** Swaps heads with others. Of what comes in only what a followed log has signed is looked at, and only what convicts is believed. */
export class Gossip implements AsyncDisposable {
  readonly #deps: GossipDeps;
  readonly #limits: PeerLimits;
  readonly #stop = new AbortController();
  /** What was shown to peers, and given as an answer, the last time. */
  readonly #shown = new Turns(TURN);
  readonly #answered = new Turns(TURN);
  #loop: Promise<void> = Promise.resolve();
  #fail: (error: unknown) => void = () => undefined;
  /** Resolves with what ended the exchanges: an own bug, or what ends the process. */
  readonly failed: Promise<unknown>;

  constructor(deps: GossipDeps) {
    this.#deps = deps;
    this.#limits = new PeerLimits(deps.clock.monotonicMs());
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Exchanges with every peer, again and again until `close`. */
  start(): void {
    this.#loop = this.#run().catch((error: unknown) => this.#fail(error));
  }

  /** Counts a request of an IP address. @throws TlogError rate_limited */
  admit(address: string): void {
    this.#limits.take(address, this.#deps.clock.monotonicMs());
  }

  /** Answers a GET of an IP address: all verified heads. @throws TlogError rate_limited */
  heads(address: string): string[] {
    this.admit(address);
    return this.#deps.monitor.heads();
  }

  /** Answers the body of a POST. @throws TlogError invalid_json */
  async answer(body: Uint8Array): Promise<{ results: GossipResult[]; checkpoints: string[] }> {
    const results = await this.#hearAll(parseGossip(body), withinAnswer());
    return { results, checkpoints: [...this.#answered.take(this.#deps.monitor.heads())] };
  }

  /** One exchange with every peer and witness. Never rejects but for own bugs. */
  async exchange(): Promise<void> {
    const { peers, witnesses, monitor } = this.#deps;
    const notes = this.#shown.take(monitor.known());
    const meet = (peer: string, talk: (peer: string) => Promise<void>): Promise<void> =>
      talk(peer).catch((error: unknown) => this.#told(peer, error));
    await Promise.all([
      ...peers.map((peer) => meet(peer, (url) => this.#swap(url, notes))),
      ...witnesses.map((witness) => meet(witness, (url) => this.#pull(url))),
    ]);
  }

  /** Asks nobody any more: what is under way is answered by what there is. */
  stop(): void {
    this.#stop.abort(new TlogError('unreachable', 'the monitor stops'));
  }

  async close(): Promise<void> {
    this.stop();
    await this.#loop;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.exchange();
      await this.#deps.clock.sleep(this.#deps.gossipMs, signal);
    }
  }

  async #swap(peer: string, notes: readonly string[]): Promise<void> {
    const body = await this.#ask(`${peer}/gossip/v1/checkpoints`, GOSSIP_ANSWER_BYTES_MAX, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ checkpoints: notes }),
    });
    const { results, checkpoints } = parseGossipAnswer(body);
    const failed: unknown[] = [];
    // What convicts nobody here, or nobody at all, must not hide what stands behind it.
    for (const { evidence } of results)
      if (evidence !== undefined) await this.#judge(evidence).catch((error: unknown) => failed.push(error));
    await this.#hearAll(checkpoints);
    throwWorst(failed);
  }

  /**
   * A witness has the head that it cosigned last of each log (c2sp.org/tlog-witness). All are asked for, whatever one comes to,
   * within the time of one request. @throws what the first that failed came to
   */
  async #pull(witness: string): Promise<void> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([this.#stop.signal, late]);
    const told = (error: unknown): unknown =>
      late.aborted && error === late.reason
        ? new TlogError('unreachable', `${witness} did not give all heads in ${TIMEOUT_MS} ms`)
        : error;
    const failed: unknown[] = [];
    const origins = this.#deps.monitor.status().values();
    const lane = async (): Promise<void> => {
      for (const { origin } of origins)
        await this.#pullOne(witness, origin, signal).catch((error: unknown) => failed.push(told(error)));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    throwWorst(failed);
  }

  async #pullOne(witness: string, origin: string, signal: AbortSignal): Promise<void> {
    const url = `${witness}/${originHash(origin)}/checkpoint`;
    const body = await this.#ask(url, NOTE_BYTES_MAX, { signal }).catch(unlessAbsent);
    if (body !== undefined) await this.#hear(new TextDecoder().decode(body), this.#newAsking());
  }

  async #ask(url: string, bytesMax: number, init: RequestInit): Promise<Uint8Array> {
    const limits = { bytesMax, timeoutMs: TIMEOUT_MS };
    const { status, body } = await boundedFetch(
      this.#deps.fetch,
      url,
      { signal: this.#stop.signal, ...init },
      limits,
    );
    if (status === 200) return body;
    throw new TlogError(status === 404 ? 'not_found' : 'unreachable', `${url} answered ${status}`);
  }

  /**
   * What each note comes to, in their order. Logs do not wait for each other: one that is slow to give what a comparison needs holds up
   * its own notes alone, and those not for long.
   */
  #hearAll(
    notes: readonly string[],
    within: (result: GossipResult) => GossipResult = (result) => result,
  ): Promise<GossipResult[]> {
    const lanes = new Map<string, { readonly asking: Asking; turn: Promise<GossipResult | undefined> }>();
    const taken = notes.map((note) => {
      // What it says of its log is not believed: it only finds it its lane.
      const origin = note.slice(0, note.indexOf('\n'));
      const lane = lanes.get(origin) ?? { asking: this.#newAsking(), turn: Promise.resolve(undefined) };
      lanes.set(origin, lane);
      const turn = lane.turn.then(async () => within(await this.#hear(note, lane.asking)));
      lane.turn = turn;
      return turn;
    });
    return Promise.all(taken);
  }

  #newAsking(): Asking {
    const { askingMs } = this.#deps;
    return new Asking({ stop: this.#stop.signal, ...(askingMs === undefined ? {} : { ms: askingMs }) });
  }

  /** A note that is not of a followed log, or not signed, is told to whoever sent it, and is gone. */
  async #hear(note: string, asking: Asking): Promise<GossipResult> {
    try {
      return await this.#deps.monitor.hear(note, asking);
    } catch (error) {
      if (!(error instanceof TlogError) || error.kind === 'fatal') throw error;
      return { code: error.code };
    }
  }

  /** Evidence is believed once it convicts; with keys of logs alone it can convict nobody else. */
  async #judge(text: string): Promise<void> {
    const { keys, monitor } = this.#deps;
    const trust = { keys, ed25519: ed25519Verify };
    const { origin, sizes } = await judgeEvidence(nodeHasher, parseEvidence(text), trust);
    await monitor.convicted(origin, text, sizes);
  }

  #told(peer: string, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    if (!(error instanceof TlogError) || error.kind === 'fatal') throw error;
    this.#deps.onTrouble(peer, error);
  }
}

/** What ends the process where there is such, else the first. */
function throwWorst(failed: readonly unknown[]): void {
  const worst = failed.find((error) => !(error instanceof TlogError) || error.kind === 'fatal');
  if (failed.length > 0) throw worst ?? failed[0];
}

function unlessAbsent(error: unknown): undefined {
  if (error instanceof TlogError && error.code === 'not_found') return undefined;
  throw error;
}
