import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import { parseEvidence } from '../core/evidence/evidence.ts';
import { type Conviction, judgeEvidence } from '../core/evidence/judge.ts';
import type { Policy } from '../core/note/policy.ts';
import { DurableFiles } from '../fsck/durable-files.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { CommandContext } from './context.ts';
import { say, type Terminal, writeData, writeJson } from './terminal.ts';

/** Who is convicted by a file, with the keys of a policy. @throws TlogError as parseEvidence and judgeEvidence */
export function judgeFile(text: string, { logs, witnesses }: Policy): Promise<Conviction> {
  const keys = [...logs, ...witnesses].map(({ key }) => key);
  return judgeEvidence(nodeHasher, parseEvidence(text), { keys, ed25519: ed25519Verify });
}

/** Prints a conviction. @throws WriteError */
export async function writeConviction(context: CommandContext, conviction: Conviction): Promise<void> {
  const { accused, kind, origin, vkeys, sizes } = conviction;
  const rootHashes = conviction.rootHashes.map(formatBase64);
  if (context.json)
    return writeJson(context.terminal, {
      format: 'fork-evidence',
      convicted: accused,
      kind,
      origin,
      vkeys,
      treeSizes: sizes,
      rootHashes,
    });
  const heads = sizes.map((size, i) => `  size ${size}, root ${rootHashes[i]}\n`).join('');
  const keys = vkeys.map((vkey) => `  key ${vkey}\n`).join('');
  await writeData(
    context.terminal,
    `${origin}: the ${accused} is convicted: ${MEANINGS[kind]}\n${keys}${heads}`,
  );
}

const MEANINGS: Readonly<Record<Conviction['kind'], string>> = {
  'two-roots': 'it signed two trees of one size',
  'not-a-prefix': 'it signed a tree that does not extend the smaller one that it signed',
  'two-leaves': 'it signed two trees with different leaves at one index',
  'empty-root': 'it signed an empty tree that is not empty',
  backwards: 'it cosigned a smaller tree after a larger one',
};

/**
 * Keeps the evidence that an error carries in the folder the command runs in, and says where: nobody may ever be shown
 * both notes again. Where it cannot be written it is printed.
 */
export async function keepEvidence(error: unknown, terminal: Terminal): Promise<void> {
  const text = error instanceof TlogError ? error.details['evidence'] : undefined;
  if (typeof text !== 'string') return;
  const name = `fork-evidence-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`;
  const files = new DurableFiles(resolve('.'));
  try {
    await files.write(name, text);
    await files.syncFolders();
    say(
      terminal,
      `stele: evidence of the fork is in ${name}; check it with stele verify ${name} --vkey VKEY`,
    );
  } catch (failure) {
    say(
      terminal,
      `stele: the evidence of the fork could not be written (${(failure as Error).message}):\n${text}`,
    );
  }
}
