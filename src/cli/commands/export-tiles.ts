import type { Command } from 'commander';
import { type ExportSource, exportTiles } from '../../fsck/export-tiles.ts';
import { systemClock } from '../../runtime/clock.ts';
import { logPaths } from '../../sequencer/data-directory.ts';
import type { SignedHead } from '../../sequencer/log.ts';
import { openLog } from '../../sequencer/open-log.ts';
import { publishedFile } from '../../witnessing/published-file.ts';
import { keptPublishedHead } from '../../witnessing/published-heads.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { progressBar } from '../progress-bar.ts';
import { say, writeJson } from '../terminal.ts';

/** `stele export-tiles FOLDER`: the published head of a log as static tlog-tiles files. The server must be stopped. */
export function registerExportTiles(program: Command, host: CommandHost): void {
  const command = dataFlags(program.command('export-tiles'))
    .description('write a log as static tiles; stop the server first')
    .argument('<folder>', 'where to write them')
    .option('--log <name>', 'name of the log (STELE_LOG; default main)');
  host.bind<[string]>(command, runExport);
}

async function runExport(context: CommandContext, folder: string): Promise<void> {
  const { data: dataPath, guard: guardPath, log: name } = context.config;
  const dir = { dataPath, guardPath };
  await using log = await openLog({ dir, clock: systemClock }, name);
  const published = await keptPublishedHead(publishedFile(logPaths(dir, name).root), log);
  if (published !== undefined) log.publishBy({ publishedHead: published });
  const head = await exportWithBar(context, log, folder);
  if (context.json)
    return writeJson(context.terminal, { folder, treeSize: head.size, checkpoint: head.note });
  say(context.terminal, `${folder} holds the log at tree size ${head.size}.`);
}

async function exportWithBar(
  context: CommandContext,
  log: ExportSource,
  folder: string,
): Promise<SignedHead> {
  using bar = progressBar(context.terminal, 'files');
  return await exportTiles(log, folder, {
    onProgress: ({ files, filesTotal }) => bar.show(files, filesTotal),
  });
}
