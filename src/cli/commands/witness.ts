import type { Command } from 'commander';
import type { Logger } from 'pino';
import { SERVER_LIMITS, type ServerLimits } from '../../http/server.ts';
import { createWitnessApp } from '../../http/witness-app.ts';
import { systemRandom } from '../../runtime/random.ts';
import { LOG_RATE, openWitness } from '../../witness/open-witness.ts';
import type { Witness } from '../../witness/running-witness.ts';
import type { WitnessAlert } from '../../witness/witness-alert.ts';
import { addLog, createWitness, type WitnessDirectory } from '../../witness/witness-directory.ts';
import { alertFlags, alertingOf, alertOfWitness } from '../alerting.ts';
import { countArgument, keyNameArgument } from '../arguments.ts';
import type { Defaults } from '../config.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import type { ExitCode } from '../exit-code.ts';
import { warnOfOneDevice } from '../one-device.ts';
import { createOperatorLog } from '../operator-log.ts';
import { listen, type Servers } from '../servers.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { untilStopped } from '../until-stopped.ts';

/** A clock that went back is waited for up to a minute: the answer must not be cut off then. */
const LIMITS: ServerLimits = { ...SERVER_LIMITS, idleMs: 90_000 };
const DEFAULTS: Partial<Defaults> = { data: './witness', listen: '127.0.0.1:8081' };

/** `stele witness`: cosigns the checkpoints of the logs it follows (c2sp.org/tlog-witness), until SIGTERM or SIGINT. */
export function registerWitness(program: Command, host: CommandHost): void {
  const witness = folderFlags(program.command('witness'))
    // Else the flags behind a subcommand would be taken for ours.
    .enablePositionalOptions()
    .description('cosign the checkpoints of logs that only grow')
    .option(
      '--listen <address>',
      'address and port (STELE_LISTEN; default 127.0.0.1:8081; port 0: any free one)',
    )
    .option('--ops-listen <address>', 'serve /metrics there, and there only')
    .option(
      '--log-rate <requests>',
      `requests a second for one log (default: ${LOG_RATE}; 0: no limit)`,
      countArgument('requests a second'),
    );
  alertFlags(witness);
  host.bind(witness, runWitness, DEFAULTS);
  const init = folderFlags(witness.command('init'))
    .description('make a witness with a new key')
    .argument('<name>', 'key name, such as example.org/witness', keyNameArgument);
  host.bind<[string]>(init, runInit, DEFAULTS);
  const add = folderFlags(witness.command('add-log'))
    .description('follow a log; a running witness takes it up at once')
    .argument('<vkey>', "the log's public key; its name is the origin");
  host.bind<[string]>(add, runAddLog, DEFAULTS);
}

function folderFlags(command: Command): Command {
  return command
    .option('--data <folder>', 'folder of the witness (STELE_DATA; default ./witness)')
    .option(
      '--guard <folder>',
      'guard folder (STELE_GUARD; default: that of the witness with .guard behind)',
    );
}

function directory({ config }: CommandContext): WitnessDirectory {
  return { dataPath: config.data, guardPath: config.guard };
}

async function runInit(context: CommandContext, name: string): Promise<void> {
  const vkey = await createWitness(directory(context), name, systemRandom);
  if (context.json) return writeJson(context.terminal, { name, vkey });
  await writeData(context.terminal, `${vkey}\n`);
  say(context.terminal, 'Logs put this key into their policy. Follow a log with stele witness add-log VKEY.');
}

async function runAddLog(context: CommandContext, vkey: string): Promise<void> {
  const added = await addLog(directory(context), vkey);
  if (context.json) return writeJson(context.terminal, { vkey, added });
  say(context.terminal, added ? 'Added.' : 'This key is listed already.');
}

async function runWitness(context: CommandContext): Promise<ExitCode> {
  const { logRate } = context.config;
  // Asked for first: a signal during the start must not be lost.
  const stop = context.stopSignal();
  const lines = createOperatorLog(context.terminal);
  await using alerter = await alertingOf(context, lines);
  const witness = await openWitness({
    dir: directory(context),
    ...(logRate === undefined ? {} : { logRate }),
    onAlert: (alert, file) => {
      tellAlert(lines, alert, file);
      return alerter?.raise(alertOfWitness(alert, file));
    },
    onUnkept: (err, { evidence }) => lines.error({ err, evidence }, 'an alert could not be written'),
    onBadList: (err) => lines.error({ err }, 'the list of logs cannot be read: the one before stays'),
  });
  try {
    await alerter?.start();
    for (const { origin, refused } of witness.logs())
      if (refused === undefined) await alerter?.resolve({ source: 'witness', log: origin, kind: 'refused' });
    const onBug = (err: unknown): void => lines.error({ err }, 'a request failed');
    const app = createWitnessApp({ witness, alerts: () => alerter?.status ?? [], onBug });
    await using servers = await listen(context.config, app, LIMITS);
    await warnOfOneDevice(context, lines);
    await announce(context, servers, witness);
    lines.info({ url: servers.url, opsUrl: servers.opsUrl, logs: witness.logs().length }, 'serving');
    return await untilStopped({ servers, lines, stop, failed: witness.failed, close: () => witness.close() });
  } catch (error) {
    await witness.close();
    throw error;
  }
}

async function announce(context: CommandContext, { url, opsUrl }: Servers, witness: Witness): Promise<void> {
  const { vkey } = witness;
  const logs = witness.logs().map(({ origin }) => origin);
  if (context.json)
    return writeJson(context.terminal, { url, ...(opsUrl === undefined ? {} : { opsUrl }), vkey, logs });
  await writeData(context.terminal, `${url}\n`);
  say(context.terminal, `witness: ${vkey}`);
}

function tellAlert(
  lines: Logger,
  { message, evidence: _, ...facts }: WitnessAlert,
  file: string | undefined,
): void {
  lines.error({ alert: { ...facts, message }, file }, 'alert');
}
