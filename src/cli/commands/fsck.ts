import type { Command } from 'commander';
import { logAccess } from '../../client/access.ts';
import { LogCalls } from '../../client/log-calls.ts';
import { type FsckDeps, type FsckResult, type FsckSource, fsckLog } from '../../fsck/fsck-log.ts';
import { type HeadTrust, headVerifier } from '../../fsck/head-verifier.ts';
import { RemoteLog } from '../../fsck/remote-log.ts';
import { nodeHasher } from '../../runtime/node-hasher.ts';
import { type CommandContext, type CommandHost, dataFlags, tokenFlags } from '../context.ts';
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts';
import { type DirectoryResult, fsckDirectory } from '../fsck-directory.ts';
import { accessOptions, verifyingClient } from '../log-access.ts';
import { progressBar } from '../progress-bar.ts';
import { say, writeJson } from '../terminal.ts';

/** `stele fsck [URL]`: re-hashes every entry, tile and kept head of a log and names the first difference. */
export function registerFsck(program: Command, host: CommandHost): void {
  const fsck = tokenFlags(dataFlags(program.command('fsck')))
    .description(
      're-hash a log from its entries: a served one, or that of a data directory whose server is stopped',
    )
    .argument('[url]', 'address of a served log, such as http://127.0.0.1:8080/logs/main')
    .option('--vkey <vkey>', 'public key of a served log')
    .option('--log <name>', 'name of the log in the data directory (STELE_LOG; default main)');
  host.bind<[string | undefined]>(fsck, runFsck);
}

async function runFsck(
  context: CommandContext,
  url: string | undefined,
  command: Command,
): Promise<ExitCode> {
  const { vkey }: { vkey?: string } = command.opts();
  if (url !== undefined) return checkServed(context, url, vkey);
  if (vkey !== undefined) throw new UsageError('--vkey goes with the address of a served log');
  const { data: dataPath, guard: guardPath, log: name } = context.config;
  using bar = progressBar(context.terminal, 'entries');
  const result = await fsckDirectory({ dataPath, guardPath }, name, ({ entries, size }) =>
    bar.show(entries, size),
  );
  return report(context, name, result);
}

async function checkServed(
  context: CommandContext,
  url: string,
  vkey: string | undefined,
): Promise<ExitCode> {
  if (vkey === undefined) throw new UsageError('whose signatures to expect: give --vkey VKEY');
  const options = await accessOptions(context, url);
  const client = verifyingClient(options, { vkey });
  const { checkpoint } = await client.checkpoint();
  const log = new RemoteLog(new LogCalls(logAccess(options)), checkpoint);
  return report(context, url, await check(context, log, { origin: client.origin, vkeys: [vkey] }));
}

async function check(context: CommandContext, log: FsckSource, signed: HeadTrust): Promise<FsckResult> {
  using bar = progressBar(context.terminal, 'entries');
  const onProgress: FsckDeps['onProgress'] = ({ entries, size }) => bar.show(entries, size);
  return await fsckLog(log, { hasher: nodeHasher, verifyHead: headVerifier(signed), onProgress });
}

async function report(context: CommandContext, name: string, result: DirectoryResult): Promise<ExitCode> {
  const { entries, tiles, heads, difference, eventsUnavailable }: DirectoryResult = result;
  if (context.json) await writeJson(context.terminal, { log: name, ...result });
  else if (difference === undefined) {
    say(context.terminal, `${name}: ${entries} entries, ${tiles} tiles and ${heads} heads are right.`);
    if (eventsUnavailable !== undefined)
      say(
        context.terminal,
        `${eventsUnavailable} events have no secret here: they are proven, and were not opened.`,
      );
  } else
    say(context.terminal, `${name}: ${difference.part} ${difference.index} differs: ${difference.message}`);
  return difference === undefined ? EXIT.ok : EXIT.failed;
}
