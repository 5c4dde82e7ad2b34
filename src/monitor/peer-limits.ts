import { RateLimit } from '../witness/rate-limit.ts';

/** Requests a second of one address, and of all together that are beyond those remembered. */
const REQUESTS_PER_SEC = 5;
/** Addresses that are remembered. */
const PEERS_MAX = 256;
/** Whoever has asked nothing for so long has all of its requests again. */
const RESTED_MS = 10_000;

interface Peer {
  readonly limit: RateLimit;
  /** Of its last request. */
  readonly atMs: number;
}

/** A rate limit for each address, so that nobody takes another's requests. Beyond 256 busy addresses the others share one. */
export class PeerLimits {
  /** Those that asked last stand last. */
  readonly #peers = new Map<string, Peer>();
  readonly #others: RateLimit;

  constructor(nowMs: number) {
    this.#others = new RateLimit(REQUESTS_PER_SEC, nowMs);
  }

  /** Counts a request of an IP address; `nowMs` never goes back. @throws TlogError rate_limited */
  take(address: string, nowMs: number): void {
    this.#limitOf(networkOf(address), nowMs).take(nowMs);
  }

  #limitOf(network: string, nowMs: number): RateLimit {
    const limit = this.#peers.get(network)?.limit ?? this.#newLimit(nowMs);
    if (limit === undefined) return this.#others;
    this.#peers.delete(network);
    this.#peers.set(network, { limit, atMs: nowMs });
    return limit;
  }

  /** Forgets who has rested. Undefined where there is no room all the same. */
  #newLimit(nowMs: number): RateLimit | undefined {
    for (const [network, { atMs }] of this.#peers) {
      if (atMs > nowMs - RESTED_MS) break;
      this.#peers.delete(network);
    }
    if (this.#peers.size >= PEERS_MAX) return undefined;
    return new RateLimit(REQUESTS_PER_SEC, nowMs);
  }
}

/** An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one of those has all of them. */
function networkOf(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [before, after] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = 8 - (before?.length ?? 0) - (after?.length ?? 0);
  const groups = [...(before ?? []), ...Array.from({ length: zeros }, () => '0'), ...(after ?? [])];
  return groups.slice(0, 4).join(':');
}
