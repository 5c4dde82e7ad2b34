import type { Command } from 'commander';
import { utf8Decode } from '../../core/encoding/utf8.ts';
import { type CommandContext, type CommandHost, serverFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { reachLog } from '../log-access.ts';
import { parseReceiptText } from '../proof-file.ts';
import { readGiven, trustFlags } from '../trust.ts';
import { proofOf, writeProof } from './prove.ts';

/** `stele upgrade-receipt FILE`: the proof of a receipt's entry under a head that the log's witnesses have cosigned. */
export function registerUpgradeReceipt(program: Command, host: CommandHost): void {
  const upgrade = trustFlags(serverFlags(program.command('upgrade-receipt')))
    .description(
      'fetch the cosigned proof of a receipt as .tlog-proof, with --json as JSON; verified with --vkey or --policy',
    )
    .argument('<file>', 'the receipt, as append --receipt has kept it')
    .option('--out <file>', 'write the proof to this file instead');
  host.bind<[string]>(upgrade, runUpgrade);
}

async function runUpgrade(context: CommandContext, file: string, command: Command): Promise<void> {
  const { out }: { out?: string } = command.opts();
  const receipt = parseReceiptText(utf8Decode(await readGiven(file)) ?? '');
  const { client } = await reachLog(context, command.opts());
  if (client === undefined) throw new UsageError('whom to trust: give --vkey VKEY or --policy FILE');
  await writeProof(context, proofOf(await client.witnessed(receipt), context.json), out);
}
