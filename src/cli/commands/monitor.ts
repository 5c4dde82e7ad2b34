import type { Command } from 'commander';
import type { Logger } from 'pino';
import { parseVerifierKey, type VerifierKey } from '../../core/note/key.ts';
import { unverifiableWitnesses } from '../../core/note/policy.ts';
import { createMonitorApp } from '../../http/monitor-app.ts';
import { Gossip } from '../../monitor/gossip.ts';
import {
  checkMonitorManifest,
  createMonitor,
  type MonitorDirectory,
  monitorPaths,
} from '../../monitor/monitor-directory.ts';
import { type LogSettings, type MonitorSettings, readMonitorFile } from '../../monitor/monitor-file.ts';
import { openMonitor } from '../../monitor/open-monitor.ts';
import { Reporter } from '../../monitor/reporter.ts';
import type { Monitor } from '../../monitor/running-monitor.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Alerting, alertFlags, alertingTo, sinksOf } from '../alerting.ts';
import type { Defaults } from '../config.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import type { ExitCode } from '../exit-code.ts';
import { finishOnce } from '../monitor-once.ts';
import { warnOfOneDevice } from '../one-device.ts';
import { createOperatorLog } from '../operator-log.ts';
import { listen } from '../servers.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { untilStopped } from '../until-stopped.ts';

const DEFAULTS: Partial<Defaults> = { data: './monitor', listen: '127.0.0.1:8082' };

/** `stele monitor`: follows logs, re-hashes all they serve, swaps heads with others and tells people, until SIGTERM or SIGINT. */
export function registerMonitor(program: Command, host: CommandHost): void {
  const monitor = alertFlags(folderFlags(program.command('monitor')))
    // Else the flags behind a subcommand would be taken for ours.
    .enablePositionalOptions()
    .description('follow logs, re-hash all that they serve, and compare heads with others')
    .option(
      '--listen <address>',
      'address and port (STELE_LISTEN; default 127.0.0.1:8082; port 0: any free one)',
    )
    .option('--ops-listen <address>', 'serve /metrics there, and there only')
    .option(
      '--once',
      'look at every log once, exchange heads with every peer, and end: 0 if nothing is wrong',
    );
  host.bind(monitor, runMonitor, DEFAULTS);
  const init = folderFlags(monitor.command('init')).description('make a monitor that follows no log yet');
  host.bind(init, runInit, DEFAULTS);
}

function folderFlags(command: Command): Command {
  return command
    .option('--data <folder>', 'folder of the monitor (STELE_DATA; default ./monitor)')
    .option(
      '--guard <folder>',
      'guard folder (STELE_GUARD; default: that of the monitor with .guard behind)',
    );
}

function directory({ config }: CommandContext): MonitorDirectory {
  return { dataPath: config.data, guardPath: config.guard };
}

async function runInit(context: CommandContext): Promise<void> {
  const dir = directory(context);
  await createMonitor(dir);
  const file = monitorPaths(dir).settings;
  if (context.json) return writeJson(context.terminal, { settings: file });
  await writeData(context.terminal, `${file}\n`);
  say(context.terminal, 'Name the logs to follow in this file, then run stele monitor.');
}

async function runMonitor(context: CommandContext, command: Command): Promise<ExitCode> {
  // Asked for first: a signal during the start must not be lost.
  const stop = context.stopSignal();
  const lines = createOperatorLog(context.terminal);
  const dir = directory(context);
  await checkMonitorManifest(dir);
  const settings = await readMonitorFile(monitorPaths(dir).settings);
  warnOfUnverified(settings, lines);
  await using alerter = alertingTo(await sinksOf(context), context, lines);
  const reporter = new Reporter({
    folder: monitorPaths(dir).evidence,
    alerter,
    onAlert: (alert) => lines.error({ alert }, 'alert'),
    onUnkept: (err, evidence) => lines.error({ err, evidence }, 'evidence could not be written'),
  });
  const report: Reporter['report'] = (origin, observation) => reporter.report(origin, observation);
  const settle: Reporter['settle'] = (origin, still) => reporter.settle(origin, still);
  const monitor = await openMonitor({ dir, settings, report, settle });
  const gossip = gossipOf(monitor, settings, lines);
  await alerter.start().catch(async (error: unknown) => {
    await monitor.close();
    throw error;
  });
  // Awaited, or the alerter would be closed before.
  if (command.opts()['once'] === true) return await finishOnce(context, { monitor, gossip, alerter });
  return await serve(context, { monitor, gossip, alerter, lines, stop });
}

function warnOfUnverified({ logs }: MonitorSettings, lines: Logger): void {
  for (const { origin, trust } of logs) {
    const witnesses = 'policy' in trust ? unverifiableWitnesses(trust.policy).map(({ name }) => name) : [];
    if (witnesses.length === 0) continue;
    const message = 'cosignatures of ML-DSA-44 keys are not verified here: they count for no quorum';
    lines.warn({ log: origin, witnesses }, message);
  }
}

function gossipOf(monitor: Monitor, settings: MonitorSettings, lines: Logger): Gossip {
  const { peers, witnesses, gossipMs } = settings;
  return new Gossip({
    ...{ monitor, clock: systemClock, peers, witnesses, gossipMs },
    keys: settings.logs.flatMap(keysOf),
    fetch: (url, init) => globalThis.fetch(url, init),
    onTrouble: (peer, err) => lines.warn({ peer, err }, 'a peer could not be talked to'),
  });
}

function keysOf({ trust, origin }: LogSettings): VerifierKey[] {
  if ('vkey' in trust) return [parseVerifierKey(trust.vkey)];
  return trust.policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
}

interface Parts {
  readonly monitor: Monitor;
  readonly gossip: Gossip;
  readonly alerter: Alerting;
  readonly lines: Logger;
  readonly stop: AbortSignal;
}

async function serve(
  context: CommandContext,
  { monitor, gossip, alerter, lines, stop }: Parts,
): Promise<ExitCode> {
  const close = async (): Promise<void> => {
    await gossip.close();
    await monitor.close();
  };
  try {
    const onBug = (err: unknown): void => lines.error({ err }, 'a request failed');
    const app = createMonitorApp({ monitor, gossip, alerter, onBug });
    await using servers = await listen(context.config, app);
    await warnOfOneDevice(context, lines);
    const { url, opsUrl } = servers;
    const logs = monitor.status().map(({ origin }) => origin);
    if (context.json)
      await writeJson(context.terminal, { url, ...(opsUrl === undefined ? {} : { opsUrl }), logs });
    else await writeData(context.terminal, `${url}\n`);
    monitor.start();
    gossip.start();
    lines.info({ url, opsUrl, logs }, 'serving');
    const failed = Promise.race([monitor.failed, gossip.failed]);
    return await untilStopped({ servers, lines, stop, failed, close, onStopping: () => gossip.stop() });
  } catch (error) {
    await close();
    throw error;
  }
}
