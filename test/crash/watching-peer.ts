import { join } from 'node:path';
import { Alerter } from '../../src/alert/alerter.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { startServer } from '../../src/http/server.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import { createMonitor, monitorPaths } from '../../src/monitor/monitor-directory.ts';
import { openMonitor } from '../../src/monitor/open-monitor.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ORIGIN, VKEY } from './shown-log.ts';

const POLL_MS = 100;

/** A monitor that nobody kills. */
export interface WatchingPeer extends AsyncDisposable {
  readonly url: string;
  /** Kinds of what it has observed. */
  readonly found: readonly string[];
}

/** Has verified what the log shows it when this comes back, and follows it in this process from then on. */
export async function openWatchingPeer(folder: string, logUrl: string): Promise<WatchingPeer> {
  const dir = { dataPath: join(folder, 'peer'), guardPath: join(folder, 'peer.guard') };
  await createMonitor(dir);
  const found: string[] = [];
  const log = { origin: ORIGIN, trust: { vkey: VKEY }, url: logUrl, pollMs: POLL_MS };
  const common = { peers: [], witnesses: [], gossipMs: 1_000 };
  const monitor = await openMonitor({
    dir,
    settings: { logs: [{ ...log, mirror: false, events: false }], ...common },
    report: async (_, { kind }) => void found.push(kind),
  });
  await monitor.once();
  const gossip = new Gossip({
    ...{ monitor, clock: systemClock, keys: [parseVerifierKey(VKEY)], ...common },
    fetch: (url, init) => globalThis.fetch(url, init),
    onTrouble: () => undefined,
  });
  const alerter = await Alerter.open({ folder: monitorPaths(dir).outbox, sinks: [] });
  const app = createMonitorApp({ monitor, gossip, alerter });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  monitor.start();
  return {
    ...{ url: `http://127.0.0.1:${server.port}`, found },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await monitor.close();
      await alerter.close();
    },
  };
}
