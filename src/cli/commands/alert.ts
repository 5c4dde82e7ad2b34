import type { Command } from 'commander';
import { type RaisedAlert, raisedAlert } from '../../alert/alert.ts';
import type { Sink } from '../../alert/sink.ts';
import { readSinkFile } from '../../alert/sink-file.ts';
import { systemClock } from '../../runtime/clock.ts';
import { alertFlags } from '../alerting.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts';
import { say, writeJson } from '../terminal.ts';

/** How long a sink has to take a test. */
const DEADLINE_MS = 20_000;

/** `stele alert test`: sends an alert to each sink and says which took it. */
export function registerAlert(program: Command, host: CommandHost): void {
  const alert = program.command('alert').description('see whether alerts arrive');
  const test = alertFlags(alert.command('test'))
    .description('send a test alert to every sink, or to one')
    .option('--sink <name>', 'this one only');
  host.bind(test, runTest);
}

interface Tried {
  readonly sink: string;
  readonly taken: boolean;
  readonly error?: string;
}

async function runTest(context: CommandContext, command: Command): Promise<ExitCode> {
  const { alerts } = context.config;
  const { sink: only }: { sink?: string } = command.opts();
  if (alerts === undefined) throw new UsageError('name the file of sinks with --alerts');
  const all = await readSinkFile(alerts, { clock: systemClock, stdout: context.terminal.stdout });
  const sinks = all.filter(({ name }) => only === undefined || name === only);
  if (sinks.length === 0)
    throw new UsageError(`${alerts} has no sink${only === undefined ? '' : ` ${only}`}`);
  const alert = testAlert();
  const tried = await Promise.all(sinks.map((sink) => trySink(sink, alert)));
  if (context.json) await writeJson(context.terminal, { id: alert.id, sinks: tried });
  else for (const { sink, error } of tried) say(context.terminal, `${sink}: ${error ?? 'taken'}`);
  return tried.every(({ taken }) => taken) ? EXIT.ok : EXIT.failed;
}

/** Each test has a time in its message, and its id with it: a receiver must not take the second for a repeat. */
function testAlert(): RaisedAlert {
  const nowMs = systemClock.nowMs();
  const message = `This is a test of ${new Date(nowMs).toISOString()}.`;
  return raisedAlert({ kind: 'test', source: 'command line', log: 'none', message, index: nowMs }, nowMs);
}

async function trySink(sink: Sink, alert: RaisedAlert): Promise<Tried> {
  try {
    await sink.deliver(alert, AbortSignal.timeout(DEADLINE_MS));
    return { sink: sink.name, taken: true };
  } catch (error) {
    return { sink: sink.name, taken: false, error: (error as Error).message };
  }
}
