import { logAccess } from '../client/access.ts';
import type { Fetch } from '../client/bounded-fetch.ts';
import { LogCalls } from '../client/log-calls.ts';
import { TileCalls } from '../client/tile-calls.ts';
import { LogTrust } from '../client/trust.ts';
import { TlogError } from '../core/error.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { CheckedStore } from '../store/checked-store.ts';
import type { Guard } from '../store/guard.ts';
import { LevelStore } from '../store/level-store.ts';
import type { Store } from '../store/store.ts';
import { originHash, refusesOneLog } from '../witness/witness-record.ts';
import { Follower } from './follower.ts';
import { HeardHeads } from './heard-heads.ts';
import { LogState } from './log-state.ts';
import {
  checkMonitorManifest,
  type MonitorDirectory,
  monitorPaths,
  takeMonitorGuard,
} from './monitor-directory.ts';
import type { LogSettings, MonitorSettings } from './monitor-file.ts';
import { recordKey } from './monitor-rows.ts';
import type { Observation } from './observation.ts';
import { Monitor, type MonitoredLog } from './running-monitor.ts';

/** A monitor looks again soon by itself. */
const TRIES_MAX = 3;

/** How a monitor runs. */
export interface MonitorOptions {
  readonly dir: MonitorDirectory;
  readonly settings: MonitorSettings;
  readonly clock?: Clock;
  /** Resolves once what was observed is durable. */
  report(origin: string, observation: Observation): Promise<void>;
  /** Told of what a round that had its answers has found: what is not in it is over. */
  settle?(origin: string, still: readonly Observation[]): Promise<void>;
}

/**
 * Opens a monitor in the folders that `createMonitor` has made. It follows nothing until it is started. Whoever opens it closes it.
 * @throws TlogError no_data, schema_unsupported, data_damaged, data_locked, guard_superseded, not_writable
 */
export async function openMonitor({
  dir,
  settings,
  clock = systemClock,
  report,
  settle = async () => undefined,
}: MonitorOptions): Promise<Monitor> {
  await checkMonitorManifest(dir);
  const store = new CheckedStore(await LevelStore.open(monitorPaths(dir).db));
  try {
    // Each log is checked against its guard, and refused by itself.
    await store.accept();
    const takeGuard = async (origin: string): Promise<Guard> => {
      const record = await store.get(recordKey(originHash(origin)));
      return takeMonitorGuard(dir, origin, record !== undefined);
    };
    const logs: MonitoredLog[] = [];
    for (const log of settings.logs) logs.push(await openMonitoredLog(log, { clock, store, takeGuard }));
    return new Monitor({ clock, store, logs, random: Math.random, report, settle });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What the logs of a monitor share. */
export interface MonitorParts {
  readonly clock: Clock;
  readonly store: Store;
  takeGuard(origin: string): Promise<Guard>;
  /** How a log is reached; over the network unless given. */
  callsOf?(log: LogSettings): LogCalls;
}

/** Opens the state of a log; a refusal of this log alone comes back within. */
export async function openMonitoredLog(log: LogSettings, parts: MonitorParts): Promise<MonitoredLog> {
  const trust = new LogTrust(log.trust, ed25519Verify);
  const { origin, pollMs, mirror } = log;
  const facts = { origin, pollMs, mirror, trust };
  try {
    return { ...facts, follower: await openFollower(log, trust, parts) };
  } catch (error) {
    if (!refusesOneLog(error)) throw error;
    return { ...facts, follower: error };
  }
}

async function openFollower(log: LogSettings, trust: LogTrust, parts: MonitorParts): Promise<Follower> {
  const { clock, store } = parts;
  const calls = parts.callsOf?.(log) ?? callsOverNetwork(log);
  const guard = await parts.takeGuard(log.origin);
  try {
    const hasher = nodeHasher;
    const leaves = (index: number, signal?: AbortSignal): Promise<Uint8Array> =>
      readLeaves(calls, index, signal);
    const state = await LogState.open(log.origin, { hasher, store, guard, leaves });
    const verify = (note: string) => trust.signed(note).catch(() => undefined);
    const heard = await HeardHeads.open(state, verify, clock.nowMs());
    const { mirror, events, staleSec } = log;
    const stale = staleSec === undefined ? {} : { staleSec };
    return new Follower({ calls, hasher, trust, clock, state, heard, mirror, events, ...stale });
  } catch (error) {
    await guard.close();
    throw error;
  }
}

/** On this machine compression costs more than the bytes that it saves. */
function callsOverNetwork({ url: logUrl }: LogSettings): LogCalls {
  const isLocal = /^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(new URL(logUrl).hostname);
  const fetch: Fetch = (url, init) =>
    globalThis.fetch(url, { ...init, headers: { ...init.headers, 'Accept-Encoding': 'identity' } });
  return new LogCalls(logAccess({ logUrl, triesMax: TRIES_MAX, ...(isLocal ? { fetch } : {}) }));
}

async function readLeaves(calls: LogCalls, index: number, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await new TileCalls(calls, signal).tile({ level: 0, index, width: TILE_WIDTH });
  if (bytes !== undefined) return bytes;
  throw new TlogError('not_found', `the log lacks tile 0/${index} of a tree that it signed`);
}
