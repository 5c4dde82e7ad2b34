import type { Command } from 'commander';
import { logAccess } from '../../client/access.ts';
import { LogCalls } from '../../client/log-calls.ts';
import { type FolderSource, folderSource } from '../../repair/folder-source.ts';
import { type RepairReport, repairLog } from '../../repair/repair-log.ts';
import { ServedTree } from '../../repair/served-tree.ts';
import type { Tally } from '../../repair/tally.ts';
import { type CommandContext, type CommandHost, dataFlags, tokenFlags } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { accessOptions } from '../log-access.ts';
import { progressBar } from '../progress-bar.ts';
import { say, writeJson } from '../terminal.ts';

/** `stele repair`: makes a stopped log what its guard says was signed. */
export function registerRepair(program: Command, host: CommandHost): void {
  const repair = tokenFlags(dataFlags(program.command('repair')))
    .description(
      'restore damaged or missing rows of a log whose server is stopped, each checked against the signed tree',
    )
    .option('--from <source>', 'a mirror (URL of its log), a backup, a data directory, or exported tiles')
    .option('--log <name>', 'name of the log (STELE_LOG; default main)')
    .option(
      '--drop-lost',
      'remove kept heads, retry keys and ids of events that are damaged and that the source does not have',
    );
  host.bind(repair, runRepair);
}

async function runRepair(context: CommandContext, command: Command): Promise<ExitCode> {
  const { from, dropLost = false }: { from?: string; dropLost?: boolean } = command.opts();
  const { data: dataPath, guard: guardPath, log: name } = context.config;
  await using opened = from === undefined ? undefined : await openSource(context, from, name);
  const dir = { dataPath, guardPath };
  const report = await withBar(context, (onProgress) =>
    repairLog({ dir, name, dropLost, source: opened?.source, nowMs: Date.now(), onProgress }),
  );
  if (context.json) await writeJson(context.terminal, report);
  else say(context.terminal, inWords(report));
  return report.clean ? EXIT.ok : EXIT.failed;
}

async function openSource(context: CommandContext, from: string, log: string): Promise<FolderSource> {
  if (!/^https?:/.test(from)) return folderSource(from, log);
  const calls = new LogCalls(logAccess(await accessOptions(context, from)));
  return { source: new ServedTree(calls), [Symbol.asyncDispose]: async () => undefined };
}

type OnProgress = (progress: { readonly entries: number; readonly size: number }) => void;

async function withBar<T>(
  { terminal }: CommandContext,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  using bar = progressBar(terminal, 'entries');
  return await work(({ entries, size }) => bar.show(entries, size));
}

function inWords({
  log,
  treeSize,
  repaired,
  removed,
  lost,
  dropped,
  leftOut,
  damaged,
  clean,
}: RepairReport): string {
  return [
    `${log}: compared with the signed head of size ${treeSize}.`,
    ...line(UNREADABLE, leftOut),
    ...line('Repaired', repaired),
    ...line('Removed, as no signed tree has them', removed),
    ...line('Given up', dropped),
    ...line('Damaged, and not to be had', lost),
    ...line('Still wrong', damaged),
    clean
      ? 'Every row was read again: all is right.'
      : 'Not all is right: the log will not sign. Name another --from, or see --drop-lost.',
  ].join('\n');
}

const UNREADABLE = 'Unreadable, and retry keys that lay there are gone unless --from has them';

function line(what: string, { count, names }: Tally): string[] {
  if (count === 0) return [];
  const more = count > names.length ? ` and ${count - names.length} more` : '';
  return [`${what}: ${count}: ${names.join(', ')}${more}`];
}
