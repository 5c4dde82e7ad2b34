import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { TlogError } from '../../core/error.ts';
import { parseVerifierKey } from '../../core/note/key.ts';
import { createNoteVerifier } from '../../core/note/verifier.ts';
import { parseReceipt, verifyReceipt } from '../../core/proof/receipt.ts';
import { ed25519Verify } from '../../runtime/ed25519.ts';
import { nodeHasher } from '../../runtime/node-hasher.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { writeData, writeJson } from '../terminal.ts';

/** `stele verify FILE --vkey V [--entry F]`: checks a receipt offline, with nothing but the log's public key. */
export function registerVerify(program: Command, host: CommandHost): void {
  const verify = program
    .command('verify')
    .description('check a receipt offline')
    .argument('<file>', 'the receipt')
    .requiredOption('--vkey <vkey>', "the log's public key")
    .option('--entry <file>', 'the entry that the receipt shall be about');
  host.bind<[string]>(verify, runVerify);
}

async function runVerify(context: CommandContext, file: string, command: Command): Promise<void> {
  const flags: { vkey: string; entry?: string } = command.opts();
  const { name: origin } = parseVerifierKey(flags.vkey);
  const logVerifiers = [createNoteVerifier(flags.vkey, ed25519Verify)];
  const entry = flags.entry === undefined ? {} : { entry: new Uint8Array(await readGiven(flags.entry)) };
  const receipt = parseReceipt(parseJson(await readGiven(file), file));
  const { size } = await verifyReceipt(nodeHasher, receipt, { origin, logVerifiers, ...entry });
  const lights = {
    signature: 'verified',
    inclusion: 'verified',
    entry: flags.entry ? 'verified' : 'not checked',
  };
  if (context.json)
    return writeJson(context.terminal, { origin, index: receipt.index, treeSize: size, ...lights });
  const lines = Object.entries(lights).map(([light, state]) => `  ${light.padEnd(10)} ${state}\n`);
  await writeData(context.terminal, `${origin}: entry ${receipt.index} of ${size}\n${lines.join('')}`);
}

async function readGiven(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function parseJson(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new TlogError('malformed_proof', `${file} is not a receipt: no JSON`, { cause });
  }
}
