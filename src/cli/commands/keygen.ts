import type { Command } from 'commander';
import { generateSigningKey } from '../../keys/generate.ts';
import { writeKeyFile } from '../../keys/key-file.ts';
import { systemRandom } from '../../runtime/random.ts';
import { keyNameArgument } from '../arguments.ts';
import type { CommandContext, CommandHost } from '../context.ts';
import { say, writeData, writeJson } from '../terminal.ts';

/** `stele keygen NAME --out FILE`: an Ed25519 note key; the secret goes into a new file only, the vkey to stdout. */
export function registerKeygen(program: Command, host: CommandHost): void {
  const keygen = program
    .command('keygen')
    .description('make an Ed25519 note key')
    .argument('<name>', 'key name, such as example.org/witness', keyNameArgument)
    .requiredOption('--out <file>', 'new file for the secret key, readable by you alone');
  host.bind<[string]>(keygen, runKeygen);
}

async function runKeygen(context: CommandContext, name: string, command: Command): Promise<void> {
  const { out }: { out: string } = command.opts();
  const { skey, vkey } = generateSigningKey(systemRandom, name);
  await writeKeyFile(out, skey);
  if (context.json) return writeJson(context.terminal, { name, vkey, file: out });
  await writeData(context.terminal, `${vkey}\n`);
  say(context.terminal, `The secret key is in ${out}.`);
}
