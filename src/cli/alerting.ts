import { join } from 'node:path';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import type { Alert } from '../alert/alert.ts';
import { Alerter } from '../alert/alerter.ts';
import type { Sink } from '../alert/sink.ts';
import type { SinkStatus } from '../alert/sink-queue.ts';
import type { AlertSubject } from '../alert/told-alerts.ts';
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

/**
 * Where the alerts of a process go. Its outbox, in the data directory, is opened when it is needed first: whoever needs it has the lock of the
 * database there, and so no second process sends or takes away what the first has to send.
 */
export class Alerting implements AsyncDisposable {
  readonly #open: () => Promise<Alerter>;
  #opening: Promise<Alerter> | undefined;
  #alerter: Alerter | undefined;

  constructor(open: () => Promise<Alerter>) {
    this.#open = open;
  }

  /** Begins to send what earlier processes have left. The lock of the database has to be had by now. @throws TlogError no_data */
  async start(): Promise<void> {
    await this.#opened();
  }

  /** As Alerter.raise. @throws TlogError no_data, unless it has started */
  async raise(alert: Alert): Promise<'queued' | 'repeated'> {
    return (await this.#opened()).raise(alert);
  }

  /** As Alerter.resolve. @throws as raise */
  async resolve(subject: AlertSubject, still?: readonly Alert[]): Promise<void> {
    return (await this.#opened()).resolve(subject, still);
  }

  get status(): readonly SinkStatus[] {
    return this.#alerter?.status ?? [];
  }

  /** As Alerter.drained. */
  async drained(ms: number): Promise<void> {
    await this.#alerter?.drained(ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opening?.catch(() => undefined))?.close();
  }

  async #opened(): Promise<Alerter> {
    this.#opening ??= this.#open();
    this.#alerter = await this.#opening;
    return this.#alerter;
  }
}

/** Where alerts go; undefined where no sinks are named. @throws TlogError invalid_config */
export async function alertingOf(context: CommandContext, lines: Logger): Promise<Alerting | undefined> {
  return context.config.alerts === undefined ? undefined : alertingTo(await sinksOf(context), context, lines);
}

/** Alerts that go to some sinks, or to none and are told once all the same. */
export function alertingTo(sinks: readonly Sink[], { config }: CommandContext, lines: Logger): Alerting {
  const folder = join(config.data, 'outbox');
  return new Alerting(() => Alerter.open({ folder, sinks, onTrouble: tellTrouble(lines) }));
}

/** The sinks that are named; none where none are. @throws TlogError invalid_config */
export async function sinksOf({ config, terminal }: CommandContext): Promise<readonly Sink[]> {
  if (config.alerts === undefined) return [];
  const { readSinkFile } = await import('../alert/sink-file.ts');
  return readSinkFile(config.alerts, { clock: systemClock, stdout: terminal.stdout });
}

/** Trouble with the way of alerts as log lines. */
function tellTrouble(lines: Logger): (err: TlogError) => void {
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
