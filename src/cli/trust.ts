import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { parseVerifierKey } from '../core/note/key.ts';
import { type Policy, parsePolicy } from '../core/note/policy.ts';
import { UsageError } from './exit-code.ts';
import { policyOfKey } from './proof-file.ts';

/** Flags that say whom to trust. */
export interface TrustFlags {
  readonly vkey?: string;
  readonly policy?: string;
}

/** Adds the flags of commands that can check what they are told. */
export function trustFlags(command: Command): Command {
  return command
    .option('--vkey <vkey>', "the log's public key")
    .option('--policy <file>', 'the log keys and witnesses to trust (c2sp.org/tlog-policy)');
}

/**
 * What the flags trust: one log key, a policy, or of a policy that key; undefined without any.
 * @throws UsageError, TlogError malformed_key, weak_key, malformed_policy
 */
export async function readTrust({ vkey, policy: file }: TrustFlags): Promise<Policy | undefined> {
  const policy = file === undefined ? undefined : parsePolicy(policyText(await readGiven(file), file));
  return vkey === undefined ? policy : policyOfKey(parseVerifierKey(vkey), policy);
}

/** The bytes of a file that the command line names. @throws UsageError */
export async function readGiven(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function policyText(bytes: Uint8Array, file: string): string {
  const text = utf8Decode(bytes);
  if (text === undefined) throw new TlogError('malformed_policy', `${file} is not UTF-8`);
  return text;
}
