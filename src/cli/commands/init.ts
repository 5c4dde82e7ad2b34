import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { systemClock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import { createDataDirectory, createLog } from '../../sequencer/create-log.ts';
import type { LogManifest } from '../../sequencer/data-directory.ts';
import type { ReadAccess } from '../../sequencer/log.ts';
import { originArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { isOneDevice, ONE_DEVICE } from '../one-device.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { createToken, SCOPES } from '../token-file.ts';

/** `stele init`: a data directory with the log `main`, its guard, and a token that may do everything. */
export function registerInit(program: Command, host: CommandHost): void {
  const init = dataFlags(program.command('init'))
    .description('make a data directory with the log main')
    .option(
      '--origin <name>',
      'who you are, for ever; main gets NAME/main (default: a made-up one)',
      originArgument,
    )
    .addOption(
      new Option('--reads <who>', 'who may read the log: everybody, or holders of a token with scope read')
        .choices(['public', 'token'])
        .default('public'),
    );
  host.bind(init, runInit);
}

async function runInit(context: CommandContext, command: Command): Promise<void> {
  const dir = { dataPath: context.config.data, guardPath: context.config.guard };
  const flags: { origin?: string; reads: ReadAccess } = command.opts();
  const origin = flags.origin ?? `stele.invalid/${randomBytes(8).toString('hex')}`;
  await createDataDirectory(dir);
  const log = await createLog(
    { dir, clock: systemClock, random: systemRandom },
    { name: 'main', kind: 'entries', origin: `${origin}/main`, reads: flags.reads },
  );
  const { token } = await createToken(
    { dataPath: dir.dataPath, nowMs: systemClock.nowMs(), random: randomBytes },
    { scopes: SCOPES, logs: '*' },
  );
  if (await isOneDevice(dir)) say(context.terminal, `Warning: ${ONE_DEVICE}.`);
  if (context.json) return writeJson(context.terminal, { logs: [describeLog(log)], token });
  await writeData(
    context.terminal,
    `log\t${log.name}\norigin\t${log.origin}\nvkey\t${log.vkey}\ntoken\t${token}\n`,
  );
  say(context.terminal, 'The token is shown once. Clients need the vkey; the origin in it never changes.');
  if (flags.origin === undefined) {
    say(
      context.terminal,
      'This origin is made up: before real use, start anew with --origin and a name you own.',
    );
  }
}

function describeLog({
  name,
  kind,
  origin,
  vkey,
}: LogManifest): Pick<LogManifest, 'name' | 'kind' | 'origin' | 'vkey'> {
  return { name, kind, origin, vkey };
}
