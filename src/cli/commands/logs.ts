import { type Command, InvalidArgumentError, Option } from 'commander';
import { TlogError } from '../../core/error.ts';
import type { PublicLabel } from '../../core/event/leaf.ts';
import { LOG_NAME } from '../../core/log-name.ts';
import { systemClock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import { createLog } from '../../sequencer/create-log.ts';
import { checkDataDirectory, type DataDirectory, listLogs } from '../../sequencer/data-directory.ts';
import { inspectLog } from '../../sequencer/inspect-log.ts';
import type { LogKind, ReadAccess } from '../../sequencer/log.ts';
import { LOGS_MAX } from '../../sequencer/log-set.ts';
import type { LogManifest } from '../../sequencer/manifest.ts';
import { removeUnfinished } from '../../sequencer/unfinished-log.ts';
import { keyNameArgument, publicLabelArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { factsOf, linesOf } from '../log-facts.ts';
import { say, writeData, writeJson } from '../terminal.ts';

/** `stele logs create`: one more log in a data directory that no server runs on. */
export function registerLogs(program: Command, host: CommandHost): void {
  const logs = program.command('logs').description('logs of a data directory');
  const create = dataFlags(logs.command('create'))
    .description('make another log in a data directory whose server is stopped')
    .argument('<name>', 'a-z, 0-9 and -, at most 63', logNameArgument)
    .addOption(
      new Option('--kind <kind>', 'what it takes: opaque entries, or audit events')
        .choices(['entries', 'events'])
        .makeOptionMandatory(),
    )
    .option(
      '--origin <name>',
      'its whole origin, for ever (default: that of main with this name)',
      keyNameArgument,
    )
    .addOption(
      new Option('--reads <who>', 'who may read the log: everybody, or holders of a token with scope read')
        .choices(['public', 'token'])
        .default('public'),
    )
    .option(
      '--public-label <member>',
      'what every leaf shows of its event, for ever: kind, operation, outcome or service.name; repeatable (default: nothing)',
      publicLabelArgument,
    );
  host.bind<[string]>(create, runCreate);
}

interface CreateFlags {
  readonly kind: LogKind;
  readonly origin?: string;
  readonly reads: ReadAccess;
  readonly publicLabel?: readonly PublicLabel[];
}

async function runCreate(context: CommandContext, name: string, command: Command): Promise<void> {
  const dir = { dataPath: context.config.data, guardPath: context.config.guard };
  const { kind, reads, origin: chosen, publicLabel: publicLabels = [] }: CreateFlags = command.opts();
  if (kind === 'entries' && publicLabels.length > 0)
    throw new UsageError('--public-label is of logs of events: entries have no members');
  const known = await stoppedLogs(dir);
  const origin = chosen ?? originBeside(known, name);
  const other = known.find((log) => log.origin === origin);
  if (other !== undefined) throw new UsageError(`log ${other.name} has the origin ${origin} already`);
  if (await removeUnfinished(dir, name))
    say(context.terminal, `An earlier creation of ${name} was cut short: what it had left is removed.`);
  const deps = { dir, clock: systemClock, random: systemRandom };
  const log = await createLog(deps, { name, kind, origin, reads, publicLabels });
  if (context.json) return writeJson(context.terminal, factsOf(log));
  await writeData(context.terminal, linesOf(log));
  say(context.terminal, 'The next start of the server has it. Clients need the vkey.');
}

/** @throws TlogError data_locked while a server runs, which would not see the new log; invalid_config when it has no room */
async function stoppedLogs(dir: DataDirectory): Promise<readonly LogManifest[]> {
  await checkDataDirectory(dir);
  const known = await listLogs(dir);
  if (known.length >= LOGS_MAX)
    throw new TlogError('invalid_config', `${known.length} logs; one process serves ${LOGS_MAX} at most`);
  for (const { name } of known.slice(0, 1)) await (await inspectLog(dir, name))[Symbol.asyncDispose]();
  return known;
}

/** The origin that `stele init` would have given a log of this name. @throws UsageError where main has one of another form */
function originBeside(known: readonly LogManifest[], name: string): string {
  const base = /^(.+)\/main$/s.exec(known.find((log) => log.name === 'main')?.origin ?? '')?.[1];
  if (base === undefined) throw new UsageError('there is no origin to follow: name one with --origin');
  return `${base}/${name}`;
}

function logNameArgument(text: string): string {
  if (LOG_NAME.test(text)) return text;
  throw new InvalidArgumentError('use a-z, 0-9 and -, at most 63');
}
