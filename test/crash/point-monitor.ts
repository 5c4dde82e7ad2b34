import { parseArgs } from 'node:util';
import { Alerter } from '../../src/alert/alerter.ts';
import { readSinkFile } from '../../src/alert/sink-file.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { startServer } from '../../src/http/server.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import {
  type MonitorDirectory,
  monitorPaths,
  takeMonitorGuard,
} from '../../src/monitor/monitor-directory.ts';
import { type MonitorSettings, readMonitorFile } from '../../src/monitor/monitor-file.ts';
import { recordKey } from '../../src/monitor/monitor-rows.ts';
import { openMonitoredLog } from '../../src/monitor/open-monitor.ts';
import { Reporter, type ReporterDeps } from '../../src/monitor/reporter.ts';
import { Monitor, type MonitorDeps } from '../../src/monitor/running-monitor.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import type { Guard } from '../../src/store/guard.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { Store } from '../../src/store/store.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { type Pass, passAt, pointsInGuard, pointsInStore } from './crash-points.ts';

/*
 * The monitor with points at which it kills itself: `point-monitor --data D --guard G --alerts FILE --at POINT:COUNT`. It looks at its
 * logs without a pause, so that a point is reached soon. Only tests start it; the shipped command line has no such thing.
 */

const POLL_MS = 20;
/** As often as a peer takes it. */
const GOSSIP_MS = 300;

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { data: text, guard: text, alerts: text, at: text };
  const { data = '', guard = '', alerts = '', at = '' } = parseArgs({ options }).values;
  const pass = passAt(at);
  const dir = { dataPath: data, guardPath: guard };
  const { settings: file, db, outbox, evidence } = monitorPaths(dir);
  const settings = await readMonitorFile(file);
  const sinks = await readSinkFile(alerts, { clock: systemClock, stdout: process.stdout });
  const store = pointsInStore(new CheckedStore(await LevelStore.open(db)), pass);
  const alerter = await Alerter.open({ folder: outbox, sinks });
  const reporter = new Reporter({
    ...{ folder: evidence, alerter: pointsInAlerter(alerter, pass), onAlert: () => undefined },
    onUnkept: (error) => end(error),
  });
  const monitor = await openWithPoints(
    { dir, settings, store, pass },
    {
      report: (origin, observation) => around(pass, 'report', () => reporter.report(origin, observation)),
      settle: (origin, still) => reporter.settle(origin, still),
    },
  );
  const gossip = gossipOf(monitor, settings);
  const app = createMonitorApp({ monitor, gossip, alerter, onBug: end });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.port}` })}\n`);
  monitor.start();
  gossip.start();
  end(await monitor.failed);
}

interface Parts {
  readonly dir: MonitorDirectory;
  readonly settings: MonitorSettings;
  readonly store: Store;
  readonly pass: Pass;
}

async function openWithPoints(
  { dir, settings, store, pass }: Parts,
  told: Pick<MonitorDeps, 'report' | 'settle'>,
): Promise<Monitor> {
  await store.accept();
  const takeGuard = async (origin: string): Promise<Guard> => {
    const record = await store.get(recordKey(originHash(origin)));
    const guard = await around(pass, 'take-over', () => takeMonitorGuard(dir, origin, record !== undefined));
    return pointsInGuard(guard, pass);
  };
  const clock = systemClock;
  const logs = settings.logs.map((log) =>
    openMonitoredLog({ ...log, pollMs: POLL_MS }, { clock, store, takeGuard }),
  );
  return new Monitor({ clock, store, logs: await Promise.all(logs), random: Math.random, ...told });
}

function gossipOf(monitor: Monitor, { peers, logs }: MonitorSettings): Gossip {
  const keys = logs.flatMap(({ trust }) => ('vkey' in trust ? [parseVerifierKey(trust.vkey)] : []));
  return new Gossip({
    ...{ monitor, clock: systemClock, peers, witnesses: [], gossipMs: GOSSIP_MS, keys },
    fetch: (url, init) => globalThis.fetch(url, init),
    onTrouble: () => undefined,
  });
}

function pointsInAlerter(alerter: Alerter, pass: Pass): ReporterDeps['alerter'] {
  return {
    raise: (alert) => around(pass, 'tell', () => alerter.raise(alert)),
    resolve: (subject, still) => alerter.resolve(subject, still),
  };
}

/** Points before and after a step, and in each turn of the event loop that it takes. */
async function around<T>(
  pass: Pass,
  what: 'report' | 'take-over' | 'tell',
  act: () => Promise<T>,
): Promise<T> {
  pass(`before-${what}`);
  let isOver = false;
  const inside = (): void => {
    if (isOver) return;
    pass(`in-${what}`);
    setImmediate(inside);
  };
  setImmediate(inside);
  const result = await act();
  isOver = true;
  pass(`after-${what}`);
  return result;
}

function end(why: unknown): never {
  process.stderr.write(`${why instanceof Error ? why.stack : String(why)}\n`);
  process.exit(70);
}

await main();
