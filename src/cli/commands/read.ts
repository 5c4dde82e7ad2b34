import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { NOTE_BYTES_MAX } from '../../core/note/signed-note.ts';
import { ENTRY_BYTES_MAX } from '../../core/tile/bundle.ts';
import type { LeafIndex } from '../../core/units.ts';
import { indexArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { WriteError } from '../exit-code.ts';
import { reachLog } from '../log-access.ts';
import { writeData, writeJson } from '../terminal.ts';
import { trustFlags } from '../trust.ts';

/** `stele get INDEX` and `stele checkpoint`: verified when the flags say whom to trust, else as the server holds them. */
export function registerRead(program: Command, host: CommandHost): void {
  const get = trustFlags(serverFlags(program.command('get')))
    .description('print the raw bytes of an entry; verified with --vkey or --policy')
    .argument('<index>', 'leaf index, from 0', indexArgument)
    .option('--out <file>', 'write them to this file instead');
  host.bind<[LeafIndex]>(get, runGet);
  const checkpoint = trustFlags(serverFlags(program.command('checkpoint'))).description(
    'print the signed checkpoint; verified with --vkey or --policy',
  );
  host.bind(checkpoint, runCheckpoint);
}

async function runGet(context: CommandContext, index: LeafIndex, command: Command): Promise<void> {
  const { out }: { out?: string } = command.opts();
  const { calls, client } = await reachLog(context, command.opts());
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
