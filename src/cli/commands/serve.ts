import type { Command } from 'commander';
import type { Logger } from 'pino';
import { createApp } from '../../http/app.ts';
import { SERVER_LIMITS } from '../../http/server.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type DataDirectory, listLogs } from '../../sequencer/data-directory.ts';
import { LogSet } from '../../sequencer/log-set.ts';
import type { OpenLog } from '../../sequencer/open-log.ts';
import { type Alerting, alertFlags, alertingOf, alertOfFinding, alertOfWitnessing } from '../alerting.ts';
import { countArgument, listArgument } from '../arguments.ts';
import { backupSource } from '../backup-source.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { doorsOf } from '../doors.ts';
import { EventThreads } from '../event-threads.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { warnOfOneDevice } from '../one-device.ts';
import { createOperatorLog } from '../operator-log.ts';
import { Scrubbers, tellFinding } from '../scrubbers.ts';
import { listen, type Servers } from '../servers.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { tokenSource } from '../token-source.ts';
import { untilStopped } from '../until-stopped.ts';
import { witnessingOf } from '../witnessing-settings.ts';
import { Witnessings } from '../witnessings.ts';

/** `stele serve`: the log server, until SIGTERM or SIGINT, or until a log fails. */
export function registerServe(program: Command, host: CommandHost): void {
  const serve = dataFlags(program.command('serve'))
    .description('serve the logs of a data directory')
    .option(
      '--listen <address>',
      'address and port (STELE_LISTEN; default 127.0.0.1:8080; port 0: any free one)',
    )
    .option('--ops-listen <address>', 'serve /metrics and the routes of backups there, and there only')
    .option(
      '--reserve-bytes <bytes>',
      'disk space that entries never take (default: 1 GiB or 5 % of the volume, the lesser; 0: none)',
      countArgument('bytes'),
    )
    .option(
      '--scrub-seconds <seconds>',
      'from one reading of all stored bytes to the next (default: 86400, a day; 0: never)',
      countArgument('seconds'),
    )
    .option(
      '--client-rate <requests>',
      'requests a second of one client, by its token or else its address, ten seconds of them at once (default: 0, any number)',
      countArgument('requests'),
    )
    .option(
      '--trusted-proxies <list>',
      'addresses and networks of proxies, with a comma between, whose X-Forwarded-For names the client',
      listArgument,
    )
    .option('--policy <file>', 'witness policy of the first log: publish only what its quorum has cosigned');
  alertFlags(serve);
  host.bind(serve, runServe);
}

/** How long sinks have to take what the process ends with. */
const DRAIN_MS = 10_000;

async function runServe(context: CommandContext): Promise<ExitCode> {
  // Asked for first: a signal during a long recovery must not be lost.
  const stop = context.stopSignal();
  const lines = createOperatorLog(context.terminal);
  await using alerter = await alertingOf(context, lines);
  try {
    const code = await serveLogs(context, { stop, lines, alerter });
    if (code !== EXIT.ok) await alerter?.drained(DRAIN_MS);
    return code;
  } catch (error) {
    // What a log ends with, or must not start with, is told: there may be no next process that could.
    await alerter?.drained(DRAIN_MS);
    throw error;
  }
}

interface Around {
  readonly stop: AbortSignal;
  readonly lines: Logger;
  readonly alerter: Alerting | undefined;
}

async function serveLogs(context: CommandContext, { stop, lines, alerter }: Around): Promise<ExitCode> {
  const { data, guard, reserveBytes, scrubSeconds, witnessing, policy } = context.config;
  const dir = { dataPath: data, guardPath: guard };
  const tokens = tokenSource(data);
  const onBug = (err: unknown): void => lines.error({ err }, 'a request failed');
  const doors = doorsOf(context.config, { tokens, onBug });
  const scrubbers = new Scrubbers(dir, scrubSeconds, lines);
  const names = (await listLogs(dir)).map(({ name }) => name);
  const witnessings = new Witnessings({
    ...{ dir, lines, settings: witnessingOf(names, witnessing, policy) },
    onAlert: async (alert, file) => alerter?.raise(alertOfWitnessing(alert, file)),
  });
  await using threads = new EventThreads();
  const logs = await LogSet.open(
    { dir, clock: systemClock, sealing: threads.sealing },
    {
      ...(reserveBytes === undefined ? {} : { reserveBytes }),
      onFinding: (finding, unkept) => {
        tellFinding(lines, finding, unkept);
        alerter
          ?.raise(alertOfFinding(finding))
          .catch((err: unknown) => lines.error({ err }, 'an alert is not sent'));
      },
      beforeSigning: (log) => witnessings.beforeSigning(log),
      attend: async (log) => {
        await alerter?.start();
        const attending = both(await witnessings.attend(log), scrubbers.attend(log));
        await resolveAtStart(alerter, log);
        return attending;
      },
    },
  );
  try {
    // A log that nobody asks for has heads to be refreshed, too.
    for (const name of witnessings.names()) await logs.get(name);
    const deps = {
      ...{ logs, tokens, clock: systemClock, reading: threads.reading, ...doors },
      scrub: (log: string) => scrubbers.status(log),
      witnessing: (log: string) => witnessings.of(log),
      alerts: () => alerter?.status ?? [],
      backup: backupSource(dir, logs),
    };
    await using servers = await listen(context.config, createApp(deps), SERVER_LIMITS, doors);
    await warnOfOneDevice(context, lines);
    await announce(context, servers, dir);
    lines.info({ url: servers.url, opsUrl: servers.opsUrl, logs: logs.names() }, 'serving');
    return await untilStopped({
      ...{ servers, lines, stop, failed: threads.failedOr(logs.failed), close: () => logs.close() },
      onStopping: () => witnessings.stopWaiting(),
    });
  } catch (error) {
    await logs.close();
    throw error;
  }
}

/** A log that starts is not refused, and one without findings was repaired: the next time is told anew. */
async function resolveAtStart(
  alerter: Alerting | undefined,
  { name, findings, moreFindings }: OpenLog,
): Promise<void> {
  const over =
    findings.length + moreFindings === 0 ? (['refused', 'damage'] as const) : (['refused'] as const);
  for (const kind of over) await alerter?.resolve({ source: 'server', log: name, kind });
}

function both(one: AsyncDisposable, other: AsyncDisposable): AsyncDisposable {
  const dispose = async (): Promise<void> => {
    await Promise.all([one[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
  };
  return { [Symbol.asyncDispose]: dispose };
}

async function announce(
  context: CommandContext,
  { url, opsUrl }: Servers,
  dir: DataDirectory,
): Promise<void> {
  const manifests = await listLogs(dir);
  const logs = manifests.map(({ name, kind, origin, vkey, reads = 'public' }) => {
    return { name, kind, origin, vkey, reads };
  });
  if (context.json)
    return writeJson(context.terminal, { url, ...(opsUrl === undefined ? {} : { opsUrl }), logs });
  await writeData(context.terminal, `${url}\n`);
  for (const log of logs) say(context.terminal, `${log.name}: ${log.vkey}`);
}
