import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { utf8Decode } from '../../core/encoding/utf8.ts';
import { TlogError } from '../../core/error.ts';
import { parseVerifierKey } from '../../core/note/key.ts';
import { type Policy, parsePolicy } from '../../core/note/policy.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { policyOfKey, verifyProofFile } from '../proof-file.ts';
import { writeData, writeJson } from '../terminal.ts';

interface VerifyFlags {
  readonly vkey?: string;
  readonly policy?: string;
  readonly entry?: string;
}

/** `stele verify FILE --vkey V|--policy P [--entry F]`: checks a receipt or .tlog-proof offline, with public keys alone. */
export function registerVerify(program: Command, host: CommandHost): void {
  const verify = program
    .command('verify')
    .description('check a receipt or a .tlog-proof offline')
    .argument('<file>', 'the receipt or .tlog-proof')
    .option('--vkey <vkey>', "the log's public key")
    .option('--policy <file>', 'the log keys and witnesses to trust (c2sp.org/tlog-policy)')
    .option('--entry <file>', 'the entry that the file shall be about; a .tlog-proof needs it');
  host.bind<[string]>(verify, runVerify);
}

async function runVerify(context: CommandContext, file: string, command: Command): Promise<void> {
  const flags: VerifyFlags = command.opts();
  const policy = await trustedPolicy(flags);
  const entry = flags.entry === undefined ? undefined : new Uint8Array(await readGiven(flags.entry));
  const proven = await verifyProofFile(new Uint8Array(await readGiven(file)), { policy, entry });
  const { index, format, freshnessSec, cosigned } = proven;
  const { origin, size } = proven.checkpoint;
  const lights = {
    signature: 'verified',
    inclusion: 'verified',
    entry: entry === undefined ? 'not checked' : 'verified',
    witnesses: policy.quorum === undefined ? 'not checked' : 'verified',
    freshness: freshnessSec === undefined ? 'not provable' : new Date(freshnessSec * 1_000).toISOString(),
  };
  if (context.json) {
    const names = cosigned.map(({ witness }) => witness);
    return writeJson(context.terminal, { origin, index, treeSize: size, format, ...lights, cosigned: names });
  }
  const lines = Object.entries(lights).map(([light, state]) => `  ${light.padEnd(10)} ${state}\n`);
  await writeData(context.terminal, `${origin}: entry ${index} of ${size}\n${lines.join('')}`);
}

async function trustedPolicy({ vkey, policy: file }: VerifyFlags): Promise<Policy> {
  const policy = file === undefined ? undefined : parsePolicy(policyText(await readGiven(file), file));
  if (vkey !== undefined) return policyOfKey(parseVerifierKey(vkey), policy);
  if (policy === undefined) throw new UsageError('whom to trust: give --vkey VKEY or --policy FILE');
  return policy;
}

function policyText(bytes: Uint8Array, file: string): string {
  const text = utf8Decode(bytes);
  if (text === undefined) throw new TlogError('malformed_policy', `${file} is not UTF-8`);
  return text;
}

async function readGiven(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
