import { boundedFetch, type Fetch } from '../client/bounded-fetch.ts';
import { TlogError } from '../core/error.ts';
import { parseEvidence } from '../core/evidence/evidence.ts';
import { judgeEvidence } from '../core/evidence/judge.ts';
import type { VerifierKey } from '../core/note/key.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import type { Clock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { RateLimit } from '../witness/rate-limit.ts';
import { originHash } from '../witness/witness-record.ts';
import {
  GOSSIP_ANSWER_BYTES_MAX,
  GOSSIP_NOTES_MAX,
  type GossipResult,
  parseGossip,
  parseGossipAnswer,
} from './gossip-text.ts';
import type { Monitor } from './running-monitor.ts';
import { Turns } from './turns.ts';

/** Requests a second, of all peers together. */
const REQUESTS_PER_SEC = 5;
const TIMEOUT_MS = 30_000;

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
}

/** Swaps heads with others. Of what comes in only what a followed log has signed is looked at, and only what convicts is believed. */
export class Gossip implements AsyncDisposable {
  readonly #deps: GossipDeps;
  readonly #limit: RateLimit;
  readonly #stop = new AbortController();
  /** What was shown to peers, and given as an answer, the last time. */
  readonly #shown = new Turns(GOSSIP_NOTES_MAX);
  readonly #answered = new Turns(GOSSIP_NOTES_MAX);
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: GossipDeps) {
    this.#deps = deps;
    this.#limit = new RateLimit(REQUESTS_PER_SEC, deps.clock.monotonicMs());
  }

  /** Exchanges with every peer, again and again until `close`. */
  start(): void {
    this.#loop = this.#run();
  }

  /** Answers the body of a POST. @throws TlogError rate_limited, invalid_json */
  async answer(body: Uint8Array): Promise<{ results: GossipResult[]; checkpoints: string[] }> {
    this.#limit.take(this.#deps.clock.monotonicMs());
    const results: GossipResult[] = [];
    for (const note of parseGossip(body)) results.push(await this.#hear(note));
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

  async close(): Promise<void> {
    this.#stop.abort();
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
    for (const { evidence } of results) if (evidence !== undefined) await this.#judge(evidence);
    for (const note of checkpoints) await this.#hear(note);
  }

  /** A witness has the head that it cosigned last (c2sp.org/tlog-witness). */
  async #pull(witness: string): Promise<void> {
    for (const { origin } of this.#deps.monitor.status()) {
      const url = `${witness}/${originHash(origin)}/checkpoint`;
      const body = await this.#ask(url, NOTE_BYTES_MAX, {}).catch(unlessAbsent);
      if (body !== undefined) await this.#hear(new TextDecoder().decode(body));
    }
  }

  async #ask(url: string, bytesMax: number, init: RequestInit): Promise<Uint8Array> {
    const limits = { bytesMax, timeoutMs: TIMEOUT_MS };
    const { status, body } = await boundedFetch(
      this.#deps.fetch,
      url,
      { ...init, signal: this.#stop.signal },
      limits,
    );
    if (status === 200) return body;
    throw new TlogError(status === 404 ? 'not_found' : 'unreachable', `${url} answered ${status}`);
  }

  /** A note that is not of a followed log, or not signed, is told to whoever sent it, and is gone. */
  async #hear(note: string): Promise<GossipResult> {
    try {
      return await this.#deps.monitor.hear(note);
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

function unlessAbsent(error: unknown): undefined {
  if (error instanceof TlogError && error.code === 'not_found') return undefined;
  throw error;
}
