import type { ServerResponse } from 'node:http';
import { TlogError } from '../core/error.ts';
import type { Clock } from '../runtime/clock.ts';
import { networkOf } from '../runtime/network.ts';
import { andThen, type Now } from '../runtime/now.ts';
import { RateLimits } from '../runtime/rate-limit.ts';
import type { Sender, TrustedProxies } from './client-address.ts';
import { type KnownToken, type TokenSource, validToken } from './tokens.ts';
import { Unheard } from './unheard.ts';

/** Tokens, and addresses, that are remembered; the others of each sort share one limit. */
export const CLIENTS_MAX = 10_000;
/** Longest time that a connection is not read whose client is over its rate. */
const UNHEARD_MS = 1_000;
/** Who looks after the server is not to be told that it is well less often when others ask much. */
const NEVER_LIMITED = /^\/(healthz|readyz)$/;

/** What clients are told apart with. */
export interface ClientRatesDeps {
  /** Requests a second of each client, at least 1. */
  readonly perSec: number;
  readonly tokens: TokenSource;
  readonly proxies: TrustedProxies;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly unheardMs?: number;
}

/** What is looked at of a request. */
export interface Asking extends Sender {
  readonly url?: string | undefined;
}

/**
 * Counts the requests of each client: by its token where it sends a valid one, else by its address. Tokens and addresses
 * have limits apart, so that nobody who has no token takes the room of who has one.
 */
export class ClientRates {
  readonly #deps: ClientRatesDeps;
  readonly #ofTokens: RateLimits;
  readonly #ofAddresses: RateLimits;
  readonly #unheard: Unheard;
  #refused = 0;

  constructor(deps: ClientRatesDeps) {
    const bounds = { perSec: deps.perSec, namesMax: CLIENTS_MAX };
    const nowMs = deps.clock.monotonicMs();
    this.#deps = deps;
    this.#ofTokens = new RateLimits(bounds, nowMs);
    this.#ofAddresses = new RateLimits(bounds, nowMs);
    this.#unheard = new Unheard(deps.unheardMs ?? UNHEARD_MS);
  }

  /** Requests that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts a request. @returns why it is refused, if it is */
  refusal(incoming: Asking): Now<TlogError | undefined> {
    if (NEVER_LIMITED.test(incoming.url ?? '')) return undefined;
    return andThen(this.#tokenOf(incoming), (token) => this.#count(incoming, token));
  }

  #tokenOf({ headers: { authorization } }: Asking): Now<KnownToken | undefined> {
    if (authorization === undefined) return undefined;
    const { clock } = this.#deps;
    return andThen(this.#knownTokens(), (known) => validToken(known, authorization, clock.nowMs()));
  }

  /** None where they cannot be read: whoever asks for something that needs one is told so, and has its address meanwhile. */
  #knownTokens(): Now<readonly KnownToken[]> {
    try {
      const found = this.#deps.tokens();
      return found instanceof Promise ? found.catch(() => []) : found;
    } catch {
      return [];
    }
  }

  #count(incoming: Asking, token: KnownToken | undefined): TlogError | undefined {
    const { proxies, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    try {
      if (token !== undefined) this.#ofTokens.take(token.id, nowMs);
      else this.#ofAddresses.take(networkOf(proxies.clientOf(incoming)), nowMs);
      return undefined;
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      this.#refused += 1;
      return error;
    }
  }

  /** Reads the connection of a refusal no further for a second. That of a proxy has others' requests on it and goes on. */
  pause(outgoing: ServerResponse): void {
    if (!this.#deps.proxies.has(outgoing.req.socket.remoteAddress ?? '')) this.#unheard.add(outgoing);
  }
}
