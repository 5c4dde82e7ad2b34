import { logAccess } from '../../src/client/access.ts';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';
import type { LogSettings } from '../../src/monitor/monitor-file.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { openMonitoredLog } from '../../src/monitor/open-monitor.ts';
import { Monitor } from '../../src/monitor/running-monitor.ts';
import type { Guard, GuardMark, RaiseOutcome } from '../../src/store/guard.ts';
import type { CommitOutcome, KeyRange, Store, StoreBatch } from '../../src/store/store.ts';
import { FRESH_MARK } from '../../src/witness/witness-record.ts';
import { HandClock } from './witness-desk.ts';

/** Rows in memory. */
export class MemoryStore implements Store {
  readonly rows: Map<string, Uint8Array> = new Map();
  get(key: Uint8Array): Uint8Array | undefined {
    return this.rows.get(Buffer.from(key).toString('hex'));
  }
  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }
  async commit({ puts, deletes }: StoreBatch): Promise<CommitOutcome> {
    for (const { key, value } of puts) this.rows.set(Buffer.from(key).toString('hex'), value.slice());
    for (const key of deletes) this.rows.delete(Buffer.from(key).toString('hex'));
    return 'committed';
  }
  async *iterate({ start, end }: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const [from, to] = [Buffer.from(start).toString('hex'), Buffer.from(end).toString('hex')];
    for (const key of [...this.rows.keys()].sort())
      if (key >= from && key < to) yield [Buffer.from(key, 'hex'), this.rows.get(key) as Uint8Array];
  }
  inPlace(): boolean {
    return true;
  }
  async accept(): Promise<void> {}
  async close(): Promise<void> {}
}

/** A guard in memory. */
export class MemoryGuard implements Guard {
  mark: GuardMark = FRESH_MARK;
  async raise(mark: GuardMark): Promise<RaiseOutcome> {
    this.mark = mark;
    return 'raised';
  }
  async close(): Promise<void> {}
}

/** A monitor in memory, with what it has reported. */
export interface MonitorDesk {
  readonly monitor: Monitor;
  readonly clock: HandClock;
  readonly reported: Observation[];
  /** One round; what was reported in it. */
  round(): Promise<readonly Observation[]>;
}

/** What outlives a monitor that is opened again. */
export interface MonitorMemory {
  readonly store: MemoryStore;
  readonly guard: MemoryGuard;
}

export function monitorMemory(): MonitorMemory {
  return { store: new MemoryStore(), guard: new MemoryGuard() };
}

/** A log, and how it is followed. */
export type DeskSettings = Pick<LogSettings, 'origin' | 'trust'> &
  Partial<LogSettings> & { readonly timeoutMs?: number; readonly clock?: HandClock };

/** A monitor of one log, which is asked through `fetch`. */
export async function openDesk(
  { timeoutMs = 10_000, clock = new HandClock(), ...settings }: DeskSettings,
  fetch: Fetch,
  { store, guard }: MonitorMemory = monitorMemory(),
): Promise<MonitorDesk> {
  const retry = { sleep: async () => undefined, random: () => 0 };
  const access = { logUrl: 'http://log.example', fetch, retry, triesMax: 2, timeoutMs };
  const log = { url: access.logUrl, pollMs: 1_000, mirror: false, events: false, ...settings };
  const parts = {
    clock,
    store,
    takeGuard: async () => guard,
    callsOf: () => new LogCalls(logAccess(access)),
  };
  const reported: Observation[] = [];
  const monitor = new Monitor({
    ...{ clock, store, logs: [await openMonitoredLog(log, parts)], random: () => 0 },
    report: async (_, observation) => void reported.push(observation),
  });
  const round = async (): Promise<readonly Observation[]> => {
    const before = reported.length;
    await monitor.once();
    return reported.slice(before);
  };
  return { monitor, clock, reported, round };
}
