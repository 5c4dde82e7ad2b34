import type { Command } from 'commander';
import { utf8Decode } from '../../core/encoding/utf8.ts';
import { isDisclosure } from '../../core/event/disclosure-file.ts';
import { isEvidence } from '../../core/evidence/evidence.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import { proveDisclosure, writeDisclosure } from '../disclosure-file.ts';
import { judgeFile, writeConviction } from '../evidence-file.ts';
import { UsageError } from '../exit-code.ts';
import { headLights, type Lights, linesOf } from '../lights.ts';
import { type ProvenFile, verifyProofFile } from '../proof-file.ts';
import { writeData, writeJson } from '../terminal.ts';
import { readGiven, readTrust, type TrustFlags, trustFlags } from '../trust.ts';

interface VerifyFlags extends TrustFlags {
  readonly entry?: string;
}

/** `stele verify FILE --vkey V|--policy P [--entry F]`: checks a receipt, .tlog-proof, event or fork evidence offline, with public keys alone. */
export function registerVerify(program: Command, host: CommandHost): void {
  const verify = trustFlags(program.command('verify'))
    .description('check a receipt, a .tlog-proof, a disclosed event or fork evidence offline')
    .argument('<file>', 'the receipt, .tlog-proof, disclosure of an event or fork evidence')
    .option('--entry <file>', 'the entry that the file shall be about; a .tlog-proof needs it');
  host.bind<[string]>(verify, runVerify);
}

async function runVerify(context: CommandContext, file: string, command: Command): Promise<void> {
  const flags: VerifyFlags = command.opts();
  const policy = await readTrust(flags);
  if (policy === undefined) throw new UsageError('whom to trust: give --vkey VKEY or --policy FILE');
  const entry = flags.entry === undefined ? undefined : await readGiven(flags.entry);
  const bytes = await readGiven(file);
  const text = utf8Decode(bytes);
  // What an event holds may look like evidence; evidence has no member that looks like a disclosure.
  if (text !== undefined && isDisclosure(text)) {
    if (entry !== undefined) throw new UsageError('a disclosure makes its own entry: leave out --entry');
    return writeDisclosure(context, await proveDisclosure(text, policy));
  }
  if (text !== undefined && isEvidence(text)) {
    if (entry !== undefined) throw new UsageError('fork evidence is about no entry: leave out --entry');
    return writeConviction(context, await judgeFile(text, policy));
  }
  const proven = await verifyProofFile(bytes, { policy, entry });
  await writeProof(context, proven, {
    signature: 'verified',
    inclusion: 'verified',
    entry: entry === undefined ? 'not checked' : 'verified',
    ...headLights(proven, policy),
  });
}

async function writeProof(
  context: CommandContext,
  { index, format, cosigned, checkpoint: { origin, size } }: ProvenFile,
  lights: Lights,
): Promise<void> {
  if (context.json) {
    const names = cosigned.map(({ witness }) => witness);
    return writeJson(context.terminal, { origin, index, treeSize: size, format, ...lights, cosigned: names });
  }
  await writeData(context.terminal, `${origin}: entry ${index} of ${size}\n${linesOf(lights)}`);
}
