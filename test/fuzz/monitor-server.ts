import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { Alerter } from '../../src/alert/alerter.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { startServer } from '../../src/http/server.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import { createMonitor, monitorPaths } from '../../src/monitor/monitor-directory.ts';
import type { MonitorSettings } from '../../src/monitor/monitor-file.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { openMonitor } from '../../src/monitor/open-monitor.ts';
import type { Monitor } from '../../src/monitor/running-monitor.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { testSigner } from '../support/growing-log.ts';
import { History, TileLog } from '../support/tile-log.ts';
import { PATIENT } from './patience.ts';

export const ORIGIN = 'log.example/main';
/** Entries of each history; so many of them are verified. */
export const ENTRIES = 700;
export const VERIFIED = 600;

/** A monitor on a socket that mirrors a log, and what others may show it. */
export interface FuzzMonitor extends AsyncDisposable {
  readonly port: number;
  readonly monitor: Monitor;
  readonly log: TileLog;
  readonly honest: History;
  /** Another history under the same key. */
  readonly forked: History;
  /** A log of another name, and one of this name under a key that nobody has named. */
  readonly others: readonly TileLog[];
  /** Told to people. Emptied by who has judged it. */
  readonly reported: Observation[];
  /** What was answered with 500, and what ended the monitor. */
  readonly bugs: unknown[];
}

const FRONT = { hostname: '127.0.0.1', port: 0 } as const;

/** Time that passes with each look: all requests are answered. */
function hastyClock(): Clock {
  let ms = 0;
  const monotonicMs = (): number => {
    ms += 1_000;
    return ms;
  };
  return { ...systemClock, monotonicMs };
}

/** The address of a log that shows its honest history. */
function serve(log: TileLog, history: History): ReturnType<typeof startServer> {
  const app = new Hono();
  app.all('*', (c) => log.answer({ history, size: VERIFIED }, c.req.url));
  return startServer(app, FRONT, PATIENT);
}

function settingsOf(log: TileLog, port: number): MonitorSettings {
  const trust = { vkey: log.signer.vkey };
  const url = `http://127.0.0.1:${port}`;
  const followed = { origin: ORIGIN, trust, url, pollMs: 1_000, mirror: true, events: false };
  return { logs: [followed], peers: [], witnesses: [], gossipMs: 1_000 };
}

/** A real monitor on real sockets and files, which has looked at its log once. */
export async function startFuzzMonitor(): Promise<FuzzMonitor> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-fuzz-'));
  const dir = { dataPath: join(folder, 'monitor'), guardPath: join(folder, 'monitor.guard') };
  const [log, honest] = [new TileLog(testSigner(ORIGIN)), new History(ENTRIES)];
  const logServer = await serve(log, honest);
  await createMonitor(dir);
  const settings = settingsOf(log, logServer.port);
  const reported: Observation[] = [];
  const report = async (_: string, seen: Observation): Promise<void> => void reported.push(seen);
  const monitor = await openMonitor({ dir, settings, report });
  await monitor.once();
  await logServer.close();
  const bugs: unknown[] = [];
  const onBug = (thrown: unknown): number => bugs.push(thrown);
  void monitor.failed.then(onBug);
  const keys = [parseVerifierKey(log.signer.vkey)];
  const { fetch } = globalThis;
  const clock = hastyClock();
  const gossip = new Gossip({
    ...settings,
    monitor,
    clock,
    keys,
    fetch,
    onTrouble: (_, error) => onBug(error),
  });
  const alerter = await Alerter.open({ folder: monitorPaths(dir).outbox, sinks: [] });
  const server = await startServer(createMonitorApp({ monitor, gossip, alerter, onBug }), FRONT, PATIENT);
  return {
    port: server.port,
    ...{ monitor, log, honest, reported, bugs },
    forked: new History(ENTRIES, { from: 100, name: 'another history' }),
    others: [new TileLog(testSigner('log.example/other')), new TileLog(testSigner(ORIGIN, 9))],
    [Symbol.asyncDispose]: async () => {
      for (const each of [server, gossip, monitor, alerter]) await each.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
