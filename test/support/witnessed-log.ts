import type { Hono } from 'hono';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogClient, type LogClientOptions } from '../../src/client/log-client.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createApp } from '../../src/http/app.ts';
import { WriteGate } from '../../src/http/write-gate.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { NewLog } from '../../src/sequencer/create-log.ts';
import type { Witnessing, WitnessingOptions } from '../../src/witnessing/witnessing.ts';
import { KNOWN_TOKEN, LOG_URL, TOKEN } from './served-logs.ts';
import { passUntil, settle, until } from './step-clock.ts';
import { newDataDirectory } from './test-log.ts';
import { type WitnessingDesk, witnessingDesk } from './witnessing-desk.ts';

/** A log with a real witness, behind the real HTTP interface; for witnesses time passes only when told. */
export interface WitnessedLog {
  readonly desk: WitnessingDesk;
  readonly witnessing: Witnessing;
  readonly app: Hono;
  readonly fetch: Fetch;
  readonly vkey: string;
  /** The log's key, its witness, and that as the quorum. */
  readonly policy: string;
  /** A client that goes by the policy. */
  client(options?: Partial<LogClientOptions>): LogClient;
  /** What is asked for, once the log has so many entries and time has passed. */
  after<T>(asked: Promise<T>, size: number, ms: number): Promise<T>;
  /** From now on witness `a` does not answer. */
  cutOff(): void;
  /** Now it does again, and the quorum has cosigned all. */
  reconnect(): Promise<void>;
}

/** What is not as it is by default: entries, one witness, mode `require`. */
export interface WitnessedLogOptions extends Partial<WitnessingOptions> {
  readonly kind?: NewLog['kind'];
  readonly duplicates?: NewLog['duplicates'];
  readonly count?: number;
  readonly quorum?: string;
  readonly gate?: WriteGate;
}

/** A log without entries. */
export async function witnessedLog(options: WitnessedLogOptions = {}): Promise<WitnessedLog> {
  const { kind = 'entries', duplicates = 'key', count = 1, quorum = 'all', ...others } = options;
  const { gate = new WriteGate(), ...how } = others;
  const desk = await witnessingDesk({ count, quorum, dir: await newDataDirectory({ kind, duplicates }) });
  const { log, clock, lies } = desk;
  const witnessing = await desk.start(how);
  const app = createApp({
    logs: { names: () => ['main'], get: () => log },
    tokens: async () => [KNOWN_TOKEN],
    clock: systemClock,
    gate,
    witnessing: () => witnessing,
  });
  const vkey = log.vkeys[0] ?? '';
  const policy = `log ${vkey}\n${desk.policy}`;
  const fetch: Fetch = async (url, init) => app.request(url, init);
  const retry = { sleep: async () => undefined, random: () => 0 };
  const trust = { policy: parsePolicy(policy), origin: log.origin };
  return {
    ...{ desk, witnessing, app, fetch, vkey, policy },
    client: (options) => new LogClient({ logUrl: LOG_URL, token: TOKEN, trust, fetch, retry, ...options }),
    after: async (asked, size, ms) => {
      await until(() => log.head.size === size);
      await settle();
      clock.pass(ms);
      return asked;
    },
    cutOff: () => void lies.set('a', async () => Promise.reject(new TypeError('fetch failed'))),
    reconnect: async () => {
      lies.clear();
      await passUntil(clock, () => witnessing.witnessedHead?.size === log.head.size);
    },
  };
}
