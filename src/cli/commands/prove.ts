import { type Command, InvalidArgumentError } from 'commander';
import { utf8Decode } from '../../core/encoding/utf8.ts';
import { TlogError } from '../../core/error.ts';
import { parseReceipt } from '../../core/proof/receipt.ts';
import { parseTlogProof } from '../../core/proof/tlog-proof.ts';
import type { LeafIndex } from '../../core/units.ts';
import { indexArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { callServer } from '../server-call.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { writeOut } from './read.ts';

interface ProveFlags {
  readonly leafHash?: string;
  readonly out?: string;
}

/** `stele prove INDEX|--leaf-hash H`: the proof that an entry is in the log, to keep and verify offline. */
export function registerProve(program: Command, host: CommandHost): void {
  const prove = serverFlags(program.command('prove'))
    .description('fetch the proof of an entry as .tlog-proof, with --json as JSON; unverified')
    .argument('[index]', 'leaf index, from 0', indexArgument)
    .option('--leaf-hash <hash>', '64 hex digits: the first entry with this leaf hash', hashArgument)
    .option('--out <file>', 'write the proof to this file instead');
  host.bind<[LeafIndex | undefined]>(prove, runProve);
}

async function runProve(
  context: CommandContext,
  index: LeafIndex | undefined,
  command: Command,
): Promise<void> {
  const { leafHash, out }: ProveFlags = command.opts();
  if ((index === undefined) === (leafHash === undefined)) {
    throw new UsageError('which entry: give either its index or --leaf-hash');
  }
  const query = leafHash === undefined ? `index=${index}` : `leafHash=${leafHash}`;
  const accept = context.json ? 'application/json' : 'text/plain';
  const path = `/proofs/inclusion?${query}`;
  const proof = await callServer(context, { path, headers: { Accept: accept } });
  const proven = indexIn(proof, context.json);
  if (index !== undefined && proven !== index) {
    throw new TlogError('malformed_answer', `asked for entry ${index}, the server answered for ${proven}`);
  }
  if (out === undefined) return writeData(context.terminal, context.json ? oneLine(proof) : proof);
  await writeOut(out, proof);
  if (context.json) return writeJson(context.terminal, { index: proven, file: out });
  say(context.terminal, `The proof of entry ${proven} is in ${out}.`);
}

/** The index in a proof that has the right form; a page of some proxy must not be kept as one. */
function indexIn(bytes: Uint8Array, json: boolean): LeafIndex {
  try {
    const text = utf8Decode(bytes) ?? '';
    return json ? parseReceipt(JSON.parse(text)).index : parseTlogProof(text).index;
  } catch (cause) {
    throw new TlogError('malformed_answer', 'the server answered with something that is no proof', { cause });
  }
}

function oneLine(json: Uint8Array): string {
  return `${Buffer.from(json).toString().trimEnd()}\n`;
}

function hashArgument(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('a leaf hash is 64 lower-case hex digits');
  return text;
}
