import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { Ack, WitnessState } from '../../client/ack.ts';
import { ENTRY_BYTES_MAX } from '../../core/tile/bundle.ts';
import type { LeafIndex } from '../../core/units.ts';
import { type Appender, createAppender } from '../appender.ts';
import { accessToken, type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { eventAppender, takesEvents } from '../event-appender.ts';
import { UsageError } from '../exit-code.ts';
import { readable, showProgress } from '../input.ts';
import { BATCH_BYTES_MAX, cutLines } from '../line-cutter.ts';
import { reachLog } from '../log-access.ts';
import { progressBar } from '../progress-bar.ts';
import { readAll, say, writeData } from '../terminal.ts';
import { trustFlags } from '../trust.ts';
import { witnessTalk } from '../witness-talk.ts';
import { writeOut } from './read.ts';

/** A request holds so much, with an LF behind: more than an event with the largest record has. */
const EVENT_BYTES_MAX = BATCH_BYTES_MAX - 1;

interface AppendFlags {
  readonly lines?: true;
  readonly receipt?: string;
  readonly ack?: Ack;
}

/** `stele append FILE…|-`: one entry a file; with `--lines` one a line, resumed when run again. */
export function registerAppend(program: Command, host: CommandHost): void {
  const append = trustFlags(serverFlags(program.command('append')))
    .description(
      'append files, or the lines of files, to a log of events as JSON; receipts are verified with --vkey or --policy',
    )
    .argument('<file...>', 'files, or - for stdin')
    .option('--lines', 'each line is an entry; a second run with the same input goes on where it ended')
    .option('--receipt <file>', 'write the receipt of the one file that is appended to this file')
    .addOption(
      new Option(
        '--ack <when>',
        'what to wait for: that the log has signed (default), or for ten seconds that its witnesses have, too',
      ).choices(['durable', 'witnessed']),
    );
  host.bind<[string[]]>(append, runAppend);
}

async function runAppend(context: CommandContext, files: string[], command: Command): Promise<void> {
  const flags: AppendFlags = command.opts();
  if (flags.receipt !== undefined && (flags.lines || files.length !== 1)) {
    throw new UsageError('--receipt needs exactly one file and no --lines');
  }
  // Of several files with a wrong name among them none is sent.
  for (const file of files) if (file !== '-') await readable(file, access(file, constants.R_OK));
  const reached = await reachLog(context, command.opts());
  const isEvents = await takesEvents(reached.calls);
  const { ack, receipt } = flags;
  const token = (await accessToken(context.config)) ?? '';
  const appender = isEvents ? eventAppender(reached, token, ack) : createAppender(reached, ack);
  const bytesMax = isEvents ? EVENT_BYTES_MAX : ENTRY_BYTES_MAX;
  for (const file of files) {
    const input = file === '-' ? context.terminal.stdin : createReadStream(file);
    const append = flags.lines ? appendLines : appendFile;
    await readable(file, append(context, appender, { file, input, receipt, ack, bytesMax }));
  }
}

interface Source {
  readonly file: string;
  readonly input: Readable;
  /** Where to write the receipt. */
  readonly receipt: string | undefined;
  readonly ack: Ack | undefined;
  /** Most that one file or line may hold. */
  readonly bytesMax: number;
}

async function appendFile(context: CommandContext, appender: Appender, source: Source): Promise<void> {
  const { file, input, receipt, bytesMax } = source;
  const answer = await appender.entry(await readAll(input, bytesMax, file));
  if (receipt !== undefined) await writeOut(receipt, answer.body);
  await writeData(context.terminal, context.json ? answer.json : `${answer.index}\t${file}\n`);
  sayWitnesses(context, source, answer);
}

function sayWitnesses(
  { terminal }: CommandContext,
  { file, receipt, ack }: Source,
  { witnesses, index }: { readonly witnesses: WitnessState; readonly index: LeafIndex },
): void {
  if (ack !== 'witnessed') return;
  const prove = receipt === undefined ? `stele prove ${index}` : `stele upgrade-receipt ${receipt}`;
  say(terminal, witnessTalk(witnesses, file, prove));
}

async function appendLines(context: CommandContext, appender: Appender, source: Source): Promise<void> {
  const { file, input, bytesMax } = source;
  let lines = 0;
  /** The last entry so far, and what is known of it: who has cosigned a tree with it has cosigned all before it. */
  let last: { readonly index: LeafIndex; readonly witnesses: WitnessState } | undefined;
  {
    using bar = progressBar(context.terminal, file === '-' ? 'lines' : file);
    for await (const { entries, key, firstLine } of cutLines(input, bytesMax)) {
      const { indexes, json, witnesses } = await appender.batch(entries, key);
      const text = indexes.map((index, at) => `${index}\t${firstLine + at}\n`).join('');
      bar.wipe();
      await writeData(context.terminal, context.json ? json : text);
      lines += entries.length;
      for (const index of indexes) if (index >= (last?.index ?? 0)) last = { index, witnesses };
      showProgress(bar, source, lines);
    }
  }
  say(context.terminal, `${file}: ${lines} lines are in the log.`);
  if (last !== undefined) sayWitnesses(context, source, last);
}
