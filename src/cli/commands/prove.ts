import { type Command, InvalidArgumentError } from 'commander';
import type { LogCalls } from '../../client/log-calls.ts';
import type { LogClient } from '../../client/log-client.ts';
import { parseHex } from '../../core/encoding/hex.ts';
import { utf8Decode } from '../../core/encoding/utf8.ts';
import { TlogError } from '../../core/error.ts';
import { formatReceipt, parseReceipt, type Receipt } from '../../core/proof/receipt.ts';
import { formatTlogProof, parseTlogProof } from '../../core/proof/tlog-proof.ts';
import type { LeafIndex } from '../../core/units.ts';
import { indexArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { reachLog } from '../log-access.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { trustFlags } from '../trust.ts';
import { writeOut } from './read.ts';

/** A note of at most 1 MB is the most of a proof. */
const PROOF_BYTES_MAX = 2 * 1024 * 1024;

interface ProveFlags {
  readonly leafHash?: string;
  readonly out?: string;
}

/** `stele prove INDEX|--leaf-hash H`: the proof that an entry is in the log, to keep and verify offline. */
export function registerProve(program: Command, host: CommandHost): void {
  const prove = trustFlags(serverFlags(program.command('prove')))
    .description(
      'fetch the proof of an entry as .tlog-proof, with --json as JSON; verified with --vkey or --policy',
    )
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
  const { calls, client } = await reachLog(context, command.opts());
  const asked = { index, leafHash, json: context.json };
  const given = client === undefined ? await rawProof(calls, asked) : await verified(client, asked);
  await writeProof(context, given, out);
}

/** Prints a proof, or writes it to a file and says so. @throws WriteError */
export async function writeProof(
  context: CommandContext,
  { proof, proven }: Given,
  out: string | undefined,
): Promise<void> {
  if (out === undefined) return writeData(context.terminal, proof);
  await writeOut(out, proof);
  if (context.json) return writeJson(context.terminal, { index: proven, file: out });
  say(context.terminal, `The proof of entry ${proven} is in ${out}.`);
}

/** Exactly one of the two names is there. */
interface Asked {
  readonly index: LeafIndex | undefined;
  readonly leafHash: string | undefined;
  readonly json: boolean;
}

/** A proof as text, and the entry that it is about. */
export interface Given {
  readonly proof: string;
  readonly proven: LeafIndex;
}

async function verified(client: LogClient, { index, leafHash, json }: Asked): Promise<Given> {
  return proofOf((await client.inclusion(index ?? parseHex(leafHash ?? ''))).receipt, json);
}

/** A receipt as .tlog-proof, or as JSON. */
export function proofOf(receipt: Receipt, json: boolean): Given {
  const { index: proven, inclusionProof: proof, checkpoint: note } = receipt;
  return { proof: json ? formatReceipt(receipt) : formatTlogProof({ index: proven, proof, note }), proven };
}

async function rawProof(calls: LogCalls, { index, leafHash, json }: Asked): Promise<Given> {
  const query = leafHash === undefined ? `index=${index}` : `leafHash=${leafHash}`;
  const headers = { Accept: json ? 'application/json' : 'text/plain' };
  const call = { path: `proofs/inclusion?${query}`, bytesMax: PROOF_BYTES_MAX, headers };
  const { body } = await calls.ask(call);
  const proven = indexIn(body, json);
  if (index !== undefined && proven !== index) {
    throw new TlogError('malformed_answer', `asked for entry ${index}, the server answered for ${proven}`);
  }
  const text = Buffer.from(body).toString();
  return { proof: json ? `${text.trimEnd()}\n` : text, proven };
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

function hashArgument(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('a leaf hash is 64 lower-case hex digits');
  return text;
}
