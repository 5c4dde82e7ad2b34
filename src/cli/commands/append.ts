import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { TlogError } from '../../core/error.ts';
import { ENTRY_BYTES_MAX, encodeEntries } from '../../core/tile/bundle.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { cutLines, type LineBatch } from '../line-cutter.ts';
import { callServer } from '../server-call.ts';
import { readAll, say, writeData } from '../terminal.ts';
import { writeOut } from './read.ts';

interface AppendFlags {
  readonly lines?: true;
  readonly receipt?: string;
}

/** `stele append FILE…|-`: one entry a file; with `--lines` one a line, resumed when run again. */
export function registerAppend(program: Command, host: CommandHost): void {
  const append = serverFlags(program.command('append'))
    .description('append files, or the lines of files, and print the receipts')
    .argument('<file...>', 'files, or - for stdin')
    .option('--lines', 'each line is an entry; a second run with the same input goes on where it ended')
    .option('--receipt <file>', 'write the receipt of the one file that is appended to this file');
  host.bind<[string[]]>(append, runAppend);
}

async function runAppend(context: CommandContext, files: string[], command: Command): Promise<void> {
  const flags: AppendFlags = command.opts();
  if (flags.receipt !== undefined && (flags.lines || files.length !== 1)) {
    throw new UsageError('--receipt needs exactly one file and no --lines');
  }
  for (const file of files) {
    const input = file === '-' ? context.terminal.stdin : createReadStream(file);
    await readable(
      file,
      flags.lines ? appendLines(context, file, input) : appendFile(context, file, input, flags),
    );
  }
}

async function appendFile(
  context: CommandContext,
  file: string,
  input: Readable,
  flags: AppendFlags,
): Promise<void> {
  const entry = await readAll(input, ENTRY_BYTES_MAX, file);
  const receipt = await post(context, 'application/octet-stream', entry);
  if (flags.receipt !== undefined) await writeOut(flags.receipt, receipt);
  await print(context, receipt, (answer) => `${answer['index']}\t${file}\n`);
}

async function appendLines(context: CommandContext, file: string, input: Readable): Promise<void> {
  let lines = 0;
  for await (const batch of cutLines(input, ENTRY_BYTES_MAX)) {
    await appendBatch(context, batch);
    lines += batch.entries.length;
  }
  say(context.terminal, `${file}: ${lines} lines are in the log.`);
}

async function appendBatch(context: CommandContext, batch: LineBatch): Promise<void> {
  const bundle = encodeEntries(batch.entries);
  const answer = await post(context, 'application/vnd.stele.entry-bundle', bundle, batch.key);
  await print(context, answer, ({ indexes }) =>
    (Array.isArray(indexes) ? indexes : [])
      .map((index, at) => `${index}\t${batch.firstLine + at}\n`)
      .join(''),
  );
}

function post(context: CommandContext, type: string, body: Uint8Array, key?: string): Promise<Uint8Array> {
  const headers = { 'Content-Type': type, ...(key === undefined ? {} : { 'Idempotency-Key': key }) };
  return callServer(context, { method: 'POST', path: '/entries', headers, body: new Uint8Array(body) });
}

/** Prints an answer: as it came with --json, else what `text` makes of it. */
async function print(
  context: CommandContext,
  bytes: Uint8Array,
  text: (answer: Record<string, unknown>) => string,
): Promise<void> {
  const json = Buffer.from(bytes).toString();
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(json) as Record<string, unknown>;
  } catch (cause) {
    throw new TlogError('malformed_answer', 'the server answered an append with something that is not JSON', {
      cause,
    });
  }
  await writeData(context.terminal, context.json ? `${JSON.stringify(answer)}\n` : text(answer));
}

/** Turns a failure to read the input into a wrong command line; other errors pass. */
async function readable(file: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && !(error instanceof TlogError)) {
      throw new UsageError(`cannot read ${file}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
