import { formatBase64 } from '../core/encoding/base64.ts';
import type { Gossip } from '../monitor/gossip.ts';
import type { Monitor, MonitoredLogStatus } from '../monitor/running-monitor.ts';
import type { Alerting } from './alerting.ts';
import type { CommandContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { harmless, writeData, writeJson } from './terminal.ts';

/** How long sinks have to take what was found. */
const DRAIN_MS = 20_000;

/** What one look is made with; all of it is closed at the end, but the alerter. */
export interface Once {
  readonly monitor: Monitor;
  readonly gossip: Gossip;
  readonly alerter: Pick<Alerting, 'drained'>;
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
    const first = monitor.status();
    if (monitor.known().length > monitor.heads().length) await monitor.once();
    const looked = monitor.status().map((log, i) => ofBoth(log, first[i], monitor.told(log.origin)));
    await tell(context, looked);
    await alerter.drained(DRAIN_MS);
    return exitOf(looked);
  } finally {
    await gossip.close();
    await monitor.close();
  }
}

/** What a log has come to. `told` has the kinds of all that was reported of it, of what others have shown, too. */
interface Looked extends MonitoredLogStatus {
  readonly told: readonly string[];
}

/** The second look stands for the first, but what was wrong then was told. */
function ofBoth(
  log: MonitoredLogStatus,
  first: MonitoredLogStatus | undefined,
  told: readonly string[],
): Looked {
  const both = [...(first?.observations ?? []), ...log.observations];
  const observations = new Map(both.map((each) => [each.message, each] as const)).values();
  return { ...log, observations: [...observations], told };
}

function exitOf(logs: readonly Looked[]): ExitCode {
  if (logs.some(({ told, refused }) => told.length > 0 || refused !== undefined)) return EXIT.failed;
  return logs.some(({ unanswered }) => unanswered !== undefined) ? EXIT.unreachable : EXIT.ok;
}

async function tell(context: CommandContext, logs: readonly Looked[]): Promise<void> {
  if (!context.json) {
    const lines = logs.map((log) => `${harmless(inWords(log))}\n`);
    return writeData(context.terminal, lines.join(''));
  }
  await writeJson(context.terminal, {
    logs: logs.map(({ origin, size, rootHash, told, observations, unanswered, refused }) => ({
      origin,
      ...(size === undefined ? {} : { treeSize: size }),
      ...(rootHash === undefined ? {} : { rootHash: formatBase64(rootHash) }),
      forked: told.includes('fork'),
      told,
      observations: observations.map(({ evidence: _, notes: __, ...facts }) => facts),
      ...(unanswered === undefined ? {} : { unanswered: unanswered.message }),
      ...(refused === undefined ? {} : { refused: refused.code }),
    })),
  });
}

function inWords({ origin, size, told, observations, unanswered, refused }: Looked): string {
  const inDetail = ['fork', 'refused', ...observations.map(({ kind }) => kind)];
  const said = [
    ...(told.includes('fork') ? ['forked'] : []),
    ...told.filter((kind) => !inDetail.includes(kind)),
    ...observations.map(({ kind, message }) => `${kind}: ${message}`),
    ...(refused === undefined ? [] : [`refused: ${refused.message}`]),
    ...(unanswered === undefined ? [] : [`no answer: ${unanswered.message}`]),
  ];
  const state = size === undefined ? 'nothing verified' : `${size} entries verified`;
  return `${origin}: ${state}${said.length === 0 ? '' : `; ${said.join('; ')}`}`;
}
