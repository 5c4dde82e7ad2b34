import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { NOTE_BYTES_MAX } from '../../core/note/signed-note.ts';
import { ENTRY_BYTES_MAX } from '../../core/tile/bundle.ts';
import { type LeafIndex, parseLeafIndex } from '../../core/units.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { takesEvents } from '../event-appender.ts';
import { type GetEventOptions, getEvent } from '../event-getter.ts';
import { UsageError, WriteError } from '../exit-code.ts';
import { type ReachedLog, reachLog } from '../log-access.ts';
import { writeData, writeJson } from '../terminal.ts';
import { trustFlags } from '../trust.ts';

/** `stele get INDEX` and `stele checkpoint`: verified when the flags say whom to trust, else as the server holds them. */
export function registerRead(program: Command, host: CommandHost): void {
  const get = trustFlags(serverFlags(program.command('get')))
    .description(
      'print the raw bytes of an entry, or an event of a log of events; verified with --vkey or --policy',
    )
    .argument('<index>', 'leaf index, from 0; in a log of events also the id of an event')
    .option('--tenant <tenant>', 'of the event with that id')
    .option(
      '--withhold <slots>',
      'print the disclosure of an event without these, such as actor,source; "" shows all',
    )
    .option('--leaf', 'print the entry that the tree holds of an event')
    .option('--out <file>', 'write it to this file instead');
  host.bind<[string]>(get, runGet);
  const checkpoint = trustFlags(serverFlags(program.command('checkpoint'))).description(
    'print the signed checkpoint; verified with --vkey or --policy',
  );
  host.bind(checkpoint, runCheckpoint);
}

interface GetFlags extends GetEventOptions {
  readonly leaf?: true;
  readonly out?: string;
}

async function runGet(context: CommandContext, name: string, command: Command): Promise<void> {
  const flags: GetFlags = command.opts();
  const index = indexIn(name);
  const isOfEvents = flags.tenant !== undefined || flags.withhold !== undefined;
  if (flags.leaf && (isOfEvents || index === undefined)) throw new UsageError('--leaf takes an index alone');
  const reached = await reachLog(context, command.opts());
  if (isOfEvents || (!flags.leaf && (await takesEvents(reached.calls))))
    return printEvent(context, reached, name, flags);
  if (index === undefined) throw new UsageError(`${name} is no index, and only logs of events have ids`);
  await printEntry(context, reached, index, flags);
}

/** Undefined for what can be an id: those have more than digits. @throws UsageError */
function indexIn(name: string): LeafIndex | undefined {
  try {
    return /^[0-9]+$/.test(name) ? parseLeafIndex(name) : undefined;
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

async function printEvent(
  context: CommandContext,
  reached: ReachedLog,
  name: string,
  flags: GetFlags,
): Promise<void> {
  const { text, json } = await getEvent(reached, name, flags);
  if (flags.out !== undefined) await writeOut(flags.out, text);
  else await writeData(context.terminal, context.json ? json : text);
}

async function printEntry(
  context: CommandContext,
  { calls, client }: ReachedLog,
  index: LeafIndex,
  { out }: GetFlags,
): Promise<void> {
  const entry =
    client === undefined
      ? (await calls.ask({ path: `entries/${index}`, bytesMax: ENTRY_BYTES_MAX })).body
      : (await client.get(index)).entry;
  if (out !== undefined) await writeOut(out, entry);
  if (context.json) {
    const where = out === undefined ? { entry: Buffer.from(entry).toString('base64') } : { file: out };
    return writeJson(context.terminal, { index, ...where });
  }
  if (out === undefined) await writeData(context.terminal, entry);
}

async function runCheckpoint(context: CommandContext, command: Command): Promise<void> {
  const { calls, client } = await reachLog(context, command.opts());
  const note =
    client === undefined
      ? (await calls.ask({ path: 'checkpoint', bytesMax: NOTE_BYTES_MAX })).body
      : (await client.checkpoint()).checkpoint.note;
  if (context.json) return writeJson(context.terminal, { checkpoint: Buffer.from(note).toString() });
  await writeData(context.terminal, note);
}

/** Writes a file whole. @throws WriteError */
export async function writeOut(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (cause) {
    throw new WriteError(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
