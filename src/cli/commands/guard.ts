import type { Command } from 'commander';
import { checkDataDirectory, listLogs, logPaths } from '../../sequencer/data-directory.ts';
import { readFileGuard } from '../../store/file-guard.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { writeData, writeJson } from '../terminal.ts';

/** `stele guard show`: the largest head that each log has ever signed, as its guard remembers it. */
export function registerGuard(program: Command, host: CommandHost): void {
  const guard = program.command('guard').description('the high-water marks of a data directory');
  const show = dataFlags(guard.command('show')).description('print the mark of every log; changes nothing');
  host.bind(show, runShow);
}

async function runShow(context: CommandContext): Promise<void> {
  const dir = { dataPath: context.config.data, guardPath: context.config.guard };
  await checkDataDirectory(dir);
  const marks: { log: string; size: number; checkpoint: string }[] = [];
  for (const { name } of await listLogs(dir)) {
    const { size, note } = await readFileGuard(logPaths(dir, name).guard);
    marks.push({ log: name, size, checkpoint: note });
  }
  if (context.json) return writeJson(context.terminal, { guards: marks });
  for (const mark of marks) await writeData(context.terminal, `${mark.log}\n${mark.checkpoint}`);
}
