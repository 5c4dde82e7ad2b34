import type { Alerter } from '../alert/alerter.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import type { Gossip } from '../monitor/gossip.ts';
import type { Monitor, MonitoredLogStatus } from '../monitor/running-monitor.ts';
import type { CommandContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { harmless, writeData, writeJson } from './terminal.ts';

/** How long sinks have to take what was found. */
const DRAIN_MS = 20_000;

/** What one look is made with; all of it is closed at the end, but the alerter. */
export interface Once {
  readonly monitor: Monitor;
  readonly gossip: Gossip;
  readonly alerter: Alerter;
}

/**
 * One look at every log, an exchange with every peer, and another look at what was heard. Ends with 1 when anything is wrong, with 3 when
 * nothing is and a log did not answer.
 */
export async function finishOnce(
  context: CommandContext,
  { monitor, gossip, alerter }: Once,
): Promise<ExitCode> {
  try {
    await monitor.once();
    await gossip.exchange();
    if (monitor.known().length > monitor.heads().length) await monitor.once();
    const logs = monitor.status();
    const forked = monitor.forked();
    await tell(context, logs, forked);
    await alerter.drained(DRAIN_MS);
    return exitOf(logs, forked);
  } finally {
    await gossip.close();
    await monitor.close();
  }
}

function exitOf(logs: readonly MonitoredLogStatus[], forked: readonly string[]): ExitCode {
  const isWrong = ({ observations, refused }: MonitoredLogStatus): boolean =>
    observations.length > 0 || refused !== undefined;
  if (forked.length > 0 || logs.some(isWrong)) return EXIT.failed;
  return logs.some(({ unanswered }) => unanswered !== undefined) ? EXIT.unreachable : EXIT.ok;
}

async function tell(
  context: CommandContext,
  logs: readonly MonitoredLogStatus[],
  forked: readonly string[],
): Promise<void> {
  if (!context.json) {
    const lines = logs.map((log) => `${harmless(inWords(log, forked))}\n`);
    return writeData(context.terminal, lines.join(''));
  }
  await writeJson(context.terminal, {
    logs: logs.map(({ origin, size, rootHash, observations, unanswered, refused }) => ({
      origin,
      ...(size === undefined ? {} : { treeSize: size }),
      ...(rootHash === undefined ? {} : { rootHash: formatBase64(rootHash) }),
      forked: forked.includes(origin),
      observations: observations.map(({ evidence: _, notes: __, ...facts }) => facts),
      ...(unanswered === undefined ? {} : { unanswered: unanswered.message }),
      ...(refused === undefined ? {} : { refused: refused.code }),
    })),
  });
}

function inWords(log: MonitoredLogStatus, forked: readonly string[]): string {
  const { origin, size, observations, unanswered, refused } = log;
  const said = [
    ...(forked.includes(origin) ? ['forked'] : []),
    ...observations.map(({ kind, message }) => `${kind}: ${message}`),
    ...(refused === undefined ? [] : [`refused: ${refused.message}`]),
    ...(unanswered === undefined ? [] : [`no answer: ${unanswered.message}`]),
  ];
  const state = size === undefined ? 'nothing verified' : `${size} entries verified`;
  return `${origin}: ${state}${said.length === 0 ? '' : `; ${said.join('; ')}`}`;
}
