import type { Command } from 'commander';
import { type RestoredLog, restoreBackup } from '../../repair/restore.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { progressBar } from '../progress-bar.ts';
import { say, writeJson } from '../terminal.ts';

/** `stele restore BACKUP`: a data directory from a backup. The guard is looked at and stays as it is. */
export function registerRestore(program: Command, host: CommandHost): void {
  const restore = dataFlags(program.command('restore'))
    .description('make a data directory from a backup; the guard is not restored')
    .argument('<backup>', 'folder that stele backup has written')
    .option('--keys <folder>', 'folder with the signing key of each log, as NAME.key');
  host.bind<[string]>(restore, runRestore);
}

async function runRestore(context: CommandContext, folder: string, command: Command): Promise<ExitCode> {
  const { keys }: { keys?: string } = command.opts();
  const { data: dataPath, guard: guardPath } = context.config;
  const logs = await withBars(context, folder, { dataPath, guardPath }, keys);
  if (context.json) await writeJson(context.terminal, { data: dataPath, guard: guardPath, logs });
  else for (const log of logs) say(context.terminal, inWords(log, dataPath, guardPath));
  if (!context.json)
    say(context.terminal, 'Tokens are not in a backup: make new ones with stele token create.');
  const refused = logs.some(({ guard }) => guard !== 'agrees' && guard !== 'missing');
  return refused ? EXIT.failed : EXIT.ok;
}

async function withBars(
  { terminal }: CommandContext,
  folder: string,
  dir: { readonly dataPath: string; readonly guardPath: string },
  keys: string | undefined,
): Promise<readonly RestoredLog[]> {
  using bar = progressBar(terminal, 'entries');
  const onProgress = (_: string, { entries, size }: { entries: number; size: number }): void =>
    bar.show(entries, size);
  return await restoreBackup({ folder, dir, keys, nowMs: Date.now(), onProgress });
}

function inWords(
  { log, treeSize, hasKey, guard, guardSize, unreadable = 0 }: RestoredLog,
  data: string,
  guardPath: string,
): string {
  const key = hasKey ? [] : [`Put the signing key of ${log} at ${data}/logs/${log}/key, mode 0600.`];
  const secrets =
    unreadable === 0
      ? []
      : [`${unreadable} of its events are proven but cannot be read: their seeds are not in the backup.`];
  const byGuard = {
    agrees: `The guard agrees (size ${guardSize}): it will start.`,
    missing: `There is no guard at ${guardPath}: put it back. If it is lost, see stele guard reset.`,
    unreadable: `The guard at ${guardPath} cannot be read: it will not start. See stele guard reset.`,
    ahead: `It will not start: size ${guardSize} was signed, and the backup ends at ${treeSize}. Get the rest with stele repair --from a mirror.`,
    conflict: `It will not start: guard (size ${guardSize}) and backup (size ${treeSize}) hold different histories. Keep both.`,
  };
  return [`${log}: restored at tree size ${treeSize}.`, ...secrets, ...key, byGuard[guard]].join('\n');
}
