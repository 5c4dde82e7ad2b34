import { equalBytes } from '../core/bytes.ts';
import { parseShallowJson } from '../core/encoding/json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import type { Policy } from '../core/note/policy.ts';
import { type PolicyCheckpoint, verifyCheckpointWithPolicy } from '../core/note/policy-checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { parseReceipt, type Receipt, verifyReceipt } from '../core/proof/receipt.ts';
import { parseTlogProof, verifyTlogProof } from '../core/proof/tlog-proof.ts';
import type { LeafIndex } from '../core/units.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { UsageError } from './exit-code.ts';

/** What a file proved: the leaf at `index` is in the tree of the checkpoint, which satisfies the policy. */
export interface ProvenFile extends PolicyCheckpoint {
  readonly index: LeafIndex;
  readonly format: 'receipt' | 'tlog-proof';
}

/**
 * Checks a receipt or a .tlog-proof file offline; its first bytes tell which it is. A .tlog-proof names no leaf
 * hash, so it needs the entry; a receipt without one is checked for the leaf hash that it repeats.
 * @throws TlogError of kind verification or input; UsageError when an entry is needed
 */
export async function verifyProofFile(
  bytes: Uint8Array,
  trust: { readonly policy: Policy; readonly entry: Uint8Array | undefined },
): Promise<ProvenFile> {
  const text = utf8Decode(bytes);
  if (text === undefined)
    throw new TlogError('malformed_proof', 'neither a receipt nor a .tlog-proof: no UTF-8');
  return text.startsWith('c2sp.org/tlog-proof@') ? tlogProof(text, trust) : receipt(text, trust);
}

type Trust = Parameters<typeof verifyProofFile>[1];

async function tlogProof(text: string, { policy, entry }: Trust): Promise<ProvenFile> {
  if (entry === undefined) {
    throw new UsageError('a .tlog-proof does not name its entry: give it with --entry FILE');
  }
  const leafHash = nodeHasher.leafHash(entry);
  const proven = await verifyTlogProof(nodeHasher, parseTlogProof(text), {
    leafHash,
    policy,
    ed25519: ed25519Verify,
  });
  return { ...proven, format: 'tlog-proof' };
}

async function receipt(text: string, trust: Trust): Promise<ProvenFile> {
  const read = parseReceiptText(text);
  return { ...(await acceptReceipt(read, trust)), index: read.index, format: 'receipt' };
}

/** A receipt from the text of its file; nothing of it is verified. @throws TlogError malformed_proof */
export function parseReceiptText(text: string): Receipt {
  return parseReceipt(parseJson(text));
}

/** The head that proves a receipt, and the entry where given, under a policy. @throws as verifyCheckpointWithPolicy, verifyReceipt */
export async function acceptReceipt(read: Receipt, { policy, entry }: Trust): Promise<PolicyCheckpoint> {
  const accepted = await verifyCheckpointWithPolicy(read.checkpoint, policy, ed25519Verify);
  const { origin } = accepted.checkpoint;
  const keys = policy.logs.filter(({ key }) => key.name === origin);
  const logVerifiers = keys.map(({ key }) => createNoteVerifier(key, ed25519Verify));
  const given = entry === undefined ? {} : { entry };
  await verifyReceipt(nodeHasher, read, { origin, logVerifiers, ...given });
  return accepted;
}

/** The policy that asks for one log key and no cosignature, or for that key within a policy that has it. */
export function policyOfKey(key: Policy['logs'][number]['key'], policy: Policy | undefined): Policy {
  if (policy === undefined) return { logs: [{ key }], witnesses: [], groups: [], quorum: undefined };
  const logs = policy.logs.filter(
    (log) => log.key.name === key.name && equalBytes(log.key.publicKey, key.publicKey),
  );
  if (logs.length === 0) throw new UsageError('the policy does not have the log key given with --vkey');
  return { ...policy, logs };
}

function parseJson(text: string): unknown {
  try {
    return parseShallowJson(text);
  } catch (cause) {
    throw new TlogError(
      'malformed_proof',
      'neither a .tlog-proof nor a receipt: no JSON with each member once',
      { cause },
    );
  }
}
