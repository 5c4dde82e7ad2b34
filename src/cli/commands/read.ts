import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { LeafIndex } from '../../core/units.ts';
import { indexArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { WriteError } from '../exit-code.ts';
import { callServer } from '../server-call.ts';
import { writeData, writeJson } from '../terminal.ts';

/** `stele get INDEX` and `stele checkpoint`: bytes as the server holds them. Neither checks anything. */
export function registerRead(program: Command, host: CommandHost): void {
  const get = serverFlags(program.command('get'))
    .description('print the raw bytes of an entry, unverified')
    .argument('<index>', 'leaf index, from 0', indexArgument)
    .option('--out <file>', 'write them to this file instead');
  host.bind<[LeafIndex]>(get, runGet);
  const checkpoint = serverFlags(program.command('checkpoint')).description(
    'print the signed checkpoint, unverified',
  );
  host.bind(checkpoint, runCheckpoint);
}

async function runGet(context: CommandContext, index: LeafIndex, command: Command): Promise<void> {
  const { out }: { out?: string } = command.opts();
  const entry = await callServer(context, { path: `/entries/${index}` });
  if (out !== undefined) await writeOut(out, entry);
  if (context.json) {
    const where = out === undefined ? { entry: Buffer.from(entry).toString('base64') } : { file: out };
    return writeJson(context.terminal, { index, ...where });
  }
  if (out === undefined) await writeData(context.terminal, entry);
}

async function runCheckpoint(context: CommandContext): Promise<void> {
  const note = await callServer(context, { path: '/checkpoint' });
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
