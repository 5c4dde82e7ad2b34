import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { TrustOptions } from '../client/trust.ts';
import { ED25519, parseVerifierKey } from '../core/note/key.ts';
import { isQuorumVerifiable, type Policy, parsePolicy, unverifiableQuorum } from '../core/note/policy.ts';
import { invalidConfig, readConfigText, readYamlFile } from '../runtime/yaml-file.ts';

/** Logs that one monitor follows: each holds a guard file open. */
const FOLLOWED_LOGS_MAX = 1_000;
const POLL_SEC = 30;
const GOSSIP_SEC = 60;
/** Witnesses are asked for a fresh cosignature each minute. */
const STALE_SEC = 3_600;
/** A timer takes 2^31 - 1 ms, and the time from one look to the next is a tenth more at times. */
const SECONDS_MAX = 1_900_000;

/** A log to follow. */
export interface LogSettings {
  readonly origin: string;
  readonly trust: TrustOptions;
  readonly url: string;
  readonly pollMs: number;
  /** Undefined: a head never gets stale. */
  readonly staleSec?: number;
  /** Whether entries and leaf hashes are stored and served. */
  readonly mirror: boolean;
  /** Whether it is a log of events: its entries are leaves of a form of their own. */
  readonly events: boolean;
}

/** What a monitor does. */
export interface MonitorSettings {
  readonly logs: readonly LogSettings[];
  /** Addresses of other monitors: what /gossip/v1/checkpoints is put behind. */
  readonly peers: readonly string[];
  /** Addresses of witnesses, whose last cosigned heads are looked at. */
  readonly witnesses: readonly string[];
  readonly gossipMs: number;
}

const seconds = z.number().int().min(1).max(SECONDS_MAX);
const httpUrl = z.url({ protocol: /^https?$/ });
const logSchema = z.strictObject({
  ...{ vkey: z.string(), url: httpUrl, policyFile: z.string().min(1).optional() },
  ...{ pollSec: seconds.default(POLL_SEC), staleSec: seconds.optional(), mirror: z.boolean().default(false) },
  kind: z.enum(['entries', 'events']).default('entries'),
});
const fileSchema = z.strictObject({
  logs: z.array(logSchema).max(FOLLOWED_LOGS_MAX).default([]),
  peers: z.array(httpUrl).max(100).default([]),
  witnesses: z.array(httpUrl).max(100).default([]),
  gossipSec: seconds.default(GOSSIP_SEC),
});

/** Reads what a monitor does from its YAML file; names of policies count from its folder. @throws TlogError invalid_config; the message names the place */
export async function readMonitorFile(path: string): Promise<MonitorSettings> {
  const { logs, peers, witnesses, gossipSec } = await readYamlFile(path, fileSchema);
  const settings = await Promise.all(logs.map((log) => logSettings(log, path)));
  if (new Set(settings.map(({ origin }) => origin)).size !== settings.length)
    throw invalidConfig(path, 'two logs have one origin');
  return {
    logs: settings,
    peers: peers.map(withoutSlash),
    witnesses: witnesses.map(withoutSlash),
    gossipMs: gossipSec * 1_000,
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

async function logSettings(log: z.infer<typeof logSchema>, path: string): Promise<LogSettings> {
  const { vkey, url, policyFile, pollSec, mirror } = log;
  const origin = originOf(vkey, path);
  const trust =
    policyFile === undefined ? { vkey } : await policyTrust(resolve(dirname(path), policyFile), origin);
  // A quorum makes an idle log prove that it is there; without one only growth could.
  const staleSec =
    log.staleSec ?? ('policy' in trust && trust.policy.quorum !== undefined ? STALE_SEC : undefined);
  const stale = staleSec === undefined ? {} : { staleSec };
  return { origin, trust, url, pollMs: pollSec * 1_000, mirror, events: log.kind === 'events', ...stale };
}

function originOf(vkey: string, path: string): string {
  try {
    const { name, type } = parseVerifierKey(vkey);
    if (type === ED25519) return name;
  } catch (cause) {
    throw invalidConfig(path, (cause as Error).message, cause);
  }
  throw invalidConfig(path, `${vkey} is not the key of a log`);
}

async function policyTrust(path: string, origin: string): Promise<TrustOptions> {
  const policy = policyIn(path, await readConfigText(path));
  if (!policy.logs.some(({ key }) => key.name === origin))
    throw invalidConfig(path, `the policy has no log of origin ${origin}`);
  // No head would ever satisfy it, and an alert that never ends hides others.
  if (!isQuorumVerifiable(policy)) throw invalidConfig(path, unverifiableQuorum(policy));
  return { policy, origin };
}

function policyIn(path: string, text: string): Policy {
  try {
    return parsePolicy(text);
  } catch (cause) {
    throw invalidConfig(path, (cause as Error).message, cause);
  }
}
