import type { Command } from 'commander';
import { equalBytes } from '../../core/bytes.ts';
import { TlogError } from '../../core/error.ts';
import { verifyCheckpoint } from '../../core/note/checkpoint.ts';
import { createNoteVerifier } from '../../core/note/verifier.ts';
import { type FsckDeps, fsckLog } from '../../fsck/fsck-log.ts';
import { ed25519Verify } from '../../runtime/ed25519.ts';
import { nodeHasher } from '../../runtime/node-hasher.ts';
import { type InspectedLog, inspectLog } from '../../sequencer/inspect-log.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { say, writeJson } from '../terminal.ts';

/** `stele fsck`: re-hashes every entry, tile and kept head of a stopped log and names the first difference. */
export function registerFsck(program: Command, host: CommandHost): void {
  const fsck = dataFlags(program.command('fsck'))
    .description('re-hash a log from its entries; stop the server first')
    .option('--log <name>', 'name of the log (STELE_LOG; default main)');
  host.bind(fsck, runFsck);
}

async function runFsck(context: CommandContext): Promise<ExitCode> {
  const { data: dataPath, guard: guardPath, log: name } = context.config;
  await using log = await inspectLog({ dataPath, guardPath }, name);
  const result = await fsckLog(log, { hasher: nodeHasher, verifyHead: headVerifier(log) });
  const { entries, tiles, heads, difference } = result;
  if (context.json) await writeJson(context.terminal, { log: name, ...result });
  else if (difference === undefined)
    say(context.terminal, `${name}: ${entries} entries, ${tiles} tiles and ${heads} heads are right.`);
  else
    say(context.terminal, `${name}: ${difference.part} ${difference.index} differs: ${difference.message}`);
  return difference === undefined ? EXIT.ok : EXIT.failed;
}

/** The signature, and that the note says the size and root that it is kept for. */
function headVerifier({ origin, vkeys }: InspectedLog): FsckDeps['verifyHead'] {
  const logVerifiers = vkeys.map((vkey) => createNoteVerifier(vkey, ed25519Verify));
  return async (head) => {
    const { size, rootHash } = await verifyCheckpoint(head.note, { origin, logVerifiers });
    if (size === head.size && equalBytes(rootHash, head.rootHash)) return;
    throw new TlogError('proof_mismatch', `the head kept for size ${head.size} is of another tree`);
  };
}
