import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { systemClock } from '../../runtime/clock.ts';
import {
  checkDataDirectory,
  type DataDirectory,
  listLogs,
  logPaths,
} from '../../sequencer/data-directory.ts';
import { type AcceptedHead, resetGuard } from '../../sequencer/reset-guard.ts';
import { readFileGuard } from '../../store/file-guard.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { say, writeData, writeJson } from '../terminal.ts';

/** `stele guard show|reset`: the largest head that each log has ever signed, as its guard remembers it. */
export function registerGuard(program: Command, host: CommandHost): void {
  const guard = program.command('guard').description('the high-water marks of a data directory');
  const show = dataFlags(guard.command('show')).description('print the mark of every log; changes nothing');
  host.bind(show, runShow);
  const reset = dataFlags(guard.command('reset'))
    .description('make the guard of a log anew where it is lost; stop the server first')
    .requiredOption('--accept <file>', 'the newest checkpoint of the log that anybody has')
    .option('--log <name>', 'name of the log (STELE_LOG; default main)');
  host.bind(reset, runReset);
}

function directory({ config }: CommandContext): DataDirectory {
  return { dataPath: config.data, guardPath: config.guard };
}

async function runShow(context: CommandContext): Promise<void> {
  const dir = directory(context);
  await checkDataDirectory(dir);
  const marks: { log: string; size: number; checkpoint: string }[] = [];
  for (const { name } of await listLogs(dir)) {
    const { size, note } = await readFileGuard(logPaths(dir, name).guard);
    marks.push({ log: name, size, checkpoint: note });
  }
  if (context.json) return writeJson(context.terminal, { guards: marks });
  for (const mark of marks) await writeData(context.terminal, `${mark.log}\n${mark.checkpoint}`);
}

async function runReset(context: CommandContext, command: Command): Promise<void> {
  const { accept }: { accept: string } = command.opts();
  const dir = directory(context);
  const name = context.config.log;
  await checkDataDirectory(dir);
  const note = await readFile(accept).catch((cause: Error) => {
    throw new UsageError(`cannot read ${accept}: ${cause.message}`, { cause });
  });
  const accepted: AcceptedHead[] = [];
  const onAccept = (head: AcceptedHead): void => {
    accepted.push(head);
    say(context.terminal, warning(name, head));
  };
  await resetGuard({ dir, name, note: new Uint8Array(note), clock: systemClock, onAccept });
  const marks = accepted.map(({ size, dataSize, note }) => ({ log: name, size, dataSize, checkpoint: note }));
  if (context.json) return writeJson(context.terminal, { guards: marks });
  for (const mark of marks) await writeData(context.terminal, `${mark.log}\n${mark.checkpoint}`);
}

function warning(name: string, { size, dataSize }: AcceptedHead): string {
  return [
    `Accepted as the newest head of ${name}: size ${size}. The data holds ${dataSize} entries and agrees with it.`,
    `If anybody has a checkpoint above size ${dataSize}, stop here: this log would sign another history.`,
  ].join('\n');
}
