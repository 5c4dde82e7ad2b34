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
  await using held = await holdLogs(dir);
  const { known } = held;
  if (known.length >= LOGS_MAX)
    throw new TlogError('invalid_config', `${known.length} logs; one process serves ${LOGS_MAX} at most`);
  const origin = chosen ?? originBeside(known, name);
  const other = known.find((log) => log.origin === origin);
  if (other !== undefined) throw new UsageError(`log ${other.name} has the origin ${origin} already`);
  // Without a log nothing tells what was cut short from what is being made.
  if (known.length > 0 && (await removeUnfinished(dir, name)))
    say(context.terminal, `An earlier creation of ${name} was cut short: what it had left is removed.`);
  const deps = { dir, clock: systemClock, random: systemRandom };
  const log = await createLog(deps, { name, kind, origin, reads, publicLabels });
  if (context.json) return writeJson(context.terminal, factsOf(log));
  await writeData(context.terminal, linesOf(log));
  say(context.terminal, 'The next start of the server has it. Clients need the vkey.');
}

/** The logs of a directory, and that nobody else opens them or adds to them. */
interface HeldLogs extends AsyncDisposable {
  readonly known: readonly LogManifest[];
}

/**
 * Holds the database of the first log, as a server does and whoever else makes a log: all of them exclude each other. That log may have
 * become another one between the look and the hold. @throws TlogError data_locked
 */
async function holdLogs(dir: DataDirectory): Promise<HeldLogs> {
  await checkDataDirectory(dir);
  for (;;) {
    const [first] = await listLogs(dir);
    if (first === undefined) return { known: [], [Symbol.asyncDispose]: async () => undefined };
    const log = await inspectLog(dir, first.name);
    const known = await listLogs(dir).catch(async (error: unknown) => {
      await log[Symbol.asyncDispose]();
      throw error;
    });
    if (known[0]?.name === first.name)
      return { known, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
    await log[Symbol.asyncDispose]();
  }
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
