import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { PublicLabel } from '../../core/event/leaf.ts';
import { systemClock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import { createDataDirectory, createLog, type NewLog } from '../../sequencer/create-log.ts';
import type { DataDirectory } from '../../sequencer/data-directory.ts';
import type { DuplicateMode, ReadAccess } from '../../sequencer/log.ts';
import type { LogManifest } from '../../sequencer/manifest.ts';
import { originArgument, publicLabelArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { factsOf, linesOf } from '../log-facts.ts';
import { isOneDevice, ONE_DEVICE } from '../one-device.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { createToken, SCOPES } from '../token-file.ts';

/** `stele init`: a data directory with the logs `main` and `audit`, their guards, and a token that may do everything. */
export function registerInit(program: Command, host: CommandHost): void {
  const init = dataFlags(program.command('init'))
    .description('make a data directory with the logs main, of entries, and audit, of events')
    .option(
      '--origin <name>',
      'who you are, for ever; main gets NAME/main, audit NAME/audit (default: a made-up one)',
      originArgument,
    )
    .addOption(
      new Option('--reads <who>', 'who may read the logs: everybody, or holders of a token with scope read')
        .choices(['public', 'token'])
        .default('public'),
    )
    .addOption(
      new Option(
        '--duplicates <mode>',
        'what answers a repeat in main: an Idempotency-Key, the same content, or nothing',
      )
        .choices(['key', 'content', 'off'])
        .default('key'),
    )
    .option(
      '--public-label <member>',
      'what every leaf of audit shows of its event, for ever: kind, operation, outcome or service.name; repeatable (default: nothing)',
      publicLabelArgument,
    )
    .option('--no-leaf-hash-index', 'no proofs by leaf hash; saves about 31 bytes an entry on disk');
  host.bind(init, runInit);
}

interface InitFlags {
  readonly origin?: string;
  readonly reads: ReadAccess;
  readonly duplicates: DuplicateMode;
  readonly leafHashIndex: boolean;
  readonly publicLabel?: readonly PublicLabel[];
}

async function runInit(context: CommandContext, command: Command): Promise<void> {
  const dir = { dataPath: context.config.data, guardPath: context.config.guard };
  const { origin: chosen, ...facts }: InitFlags = command.opts();
  if (facts.duplicates === 'content' && !facts.leafHashIndex)
    throw new UsageError('--duplicates content finds repeats in the leaf-hash index: keep it');
  const origin = chosen ?? `stele.invalid/${randomBytes(8).toString('hex')}`;
  await createDataDirectory(dir);
  const logs = await createLogs(dir, origin, facts);
  const { token } = await createToken(
    { dataPath: dir.dataPath, nowMs: systemClock.nowMs(), random: randomBytes },
    { scopes: SCOPES, logs: '*' },
  );
  if (await isOneDevice(dir)) say(context.terminal, `Warning: ${ONE_DEVICE}.`);
  if (context.json) return writeJson(context.terminal, { logs: logs.map(factsOf), token });
  await writeData(context.terminal, `${logs.map(linesOf).join('')}token\t${token}\n`);
  say(context.terminal, 'The token is shown once. Clients need the vkeys; the origins in them never change.');
  if (chosen === undefined) {
    say(
      context.terminal,
      'This origin is made up: before real use, start anew with --origin and a name you own.',
    );
  }
}

/** Events are told apart by their ids: how repeats of entries are answered says nothing of them. */
async function createLogs(
  dir: DataDirectory,
  origin: string,
  { reads, duplicates, leafHashIndex, publicLabel: publicLabels = [] }: Omit<InitFlags, 'origin'>,
): Promise<readonly LogManifest[]> {
  const deps = { dir, clock: systemClock, random: systemRandom };
  const main: NewLog = {
    name: 'main',
    kind: 'entries',
    origin: `${origin}/main`,
    reads,
    duplicates,
    leafHashIndex,
  };
  const audit: NewLog = {
    name: 'audit',
    kind: 'events',
    origin: `${origin}/audit`,
    reads,
    leafHashIndex,
    publicLabels,
  };
  return [await createLog(deps, main), await createLog(deps, audit)];
}
