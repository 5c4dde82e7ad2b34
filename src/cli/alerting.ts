import { join } from 'node:path';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import type { Alert } from '../alert/alert.ts';
import { Alerter } from '../alert/alerter.ts';
import type { TlogError } from '../core/error.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Finding } from '../sequencer/finding.ts';
import { evidenceBeside } from '../witness/alert-record.ts';
import type { WitnessAlert } from '../witness/witness-alert.ts';
import type { WitnessingAlert } from '../witnessing/witness-alert.ts';
import type { CommandContext } from './context.ts';

/** Adds the flag of commands that raise alerts. */
export function alertFlags(command: Command): Command {
  return command.option('--alerts <file>', 'file that says where alerts go (default: only the log lines)');
}

/** Where alerts go, with an outbox in the data directory; undefined where no sinks are named. @throws TlogError invalid_config, no_data */
export async function openAlerter(
  { config, terminal }: CommandContext,
  lines: Logger,
): Promise<Alerter | undefined> {
  if (config.alerts === undefined) return undefined;
  const { readSinkFile } = await import('../alert/sink-file.ts');
  const sinks = await readSinkFile(config.alerts, { clock: systemClock, stdout: terminal.stdout });
  return Alerter.open({ folder: join(config.data, 'outbox'), sinks, onTrouble: tellTrouble(lines) });
}

/** Trouble with the way of alerts as log lines. */
export function tellTrouble(lines: Logger): (err: TlogError) => void {
  return (err) => {
    if (err.code === 'alert_given_up') lines.error({ err }, 'an alert is not sent');
    else lines.warn({ err }, 'an alert has not arrived yet');
  };
}

/** What a person is told of damaged bytes. */
export function alertOfFinding(finding: Finding): Alert {
  const { log, message, expected, actual, part, level, row } = finding;
  const index = finding.entry ?? finding.index;
  return {
    ...{ kind: 'damage', source: 'server', log, message },
    ...(index === undefined ? {} : { index }),
    ...(expected === undefined ? {} : { expectedHash: fromHex(expected) }),
    ...(actual === undefined ? {} : { actualHash: fromHex(actual) }),
    // A tile and a bundle may have one index, and of some parts there are no hashes.
    cause: [part, level ?? '', index ?? '', row ?? '', actual ?? ''].join(' '),
  };
}

/** What a person is told by a witness; `file` holds its record, with the evidence beside it. */
export function alertOfWitness(
  { kind, origin, message, code, sizes, expectedHash, actualHash }: WitnessAlert,
  file: string | undefined,
): Alert {
  return {
    ...{ kind, source: 'witness', log: origin, message },
    // Of some refusals nothing but the code is known.
    ...(sizes === undefined ? { cause: code ?? kind } : { sizes }),
    ...(expectedHash === undefined ? {} : { expectedHash }),
    ...(actualHash === undefined ? {} : { actualHash }),
    ...named(kind, file),
  };
}

const KINDS = {
  fork: 'fork',
  witness_ahead: 'refused',
  witness_size_above: 'witness_in_doubt',
  witness_forgot: 'witness_in_doubt',
} as const;

/** What a person is told of what a witness of a log's policy holds; `file` holds the notes, with the evidence beside it. */
export function alertOfWitnessing(alert: WitnessingAlert, file: string | undefined): Alert {
  const { kind, log, message, treeSize, witnessSize, witness, expectedHash, actualHash } = alert;
  const sizes = [treeSize, witnessSize];
  return {
    ...{ kind: KINDS[kind], source: 'server', log, message, sizes, expectedHash },
    // The log's own key has signed it: then it is one thing, whoever shows it.
    ...(actualHash === undefined ? { cause: [kind, witness, ...sizes].join(' ') } : { actualHash }),
    ...named(kind, file),
  };
}

function named(kind: string, file: string | undefined): { readonly evidenceFile?: string } {
  if (file === undefined) return {};
  return { evidenceFile: kind === 'fork' ? evidenceBeside(file) : file };
}

function fromHex(text: string): string {
  return Buffer.from(text, 'hex').toString('base64');
}
