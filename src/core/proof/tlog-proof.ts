import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { TlogError } from '../error.ts';
import { HASH_BYTES, type Hash, type TreeHasher } from '../merkle/hasher.ts';
import { verifyInclusion } from '../merkle/inclusion.ts';
import type { Policy } from '../note/policy.ts';
import { type PolicyCheckpoint, verifyCheckpointWithPolicy } from '../note/policy-checkpoint.ts';
import type { Ed25519Verify } from '../note/verifier.ts';
import { type LeafIndex, parseLeafIndex } from '../units.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** Most hashes read from a .tlog-proof file. */
export const TLOG_PROOF_HASHES_MAX = 63;

/**
 * A .tlog-proof file (c2sp.org/tlog-proof). `note` is the signed checkpoint, verbatim. Nobody signs `extra`: never
 * trust it.
 */
export interface TlogProof {
  readonly extra?: Uint8Array;
  readonly index: LeafIndex;
  readonly proof: readonly Hash[];
  readonly note: string;
}
/** What a .tlog-proof is verified against. `leafHash` is computed by the caller from its own data. */
export interface TlogProofTrust {
  readonly leafHash: Hash;
  readonly policy: Policy;
  readonly ed25519: Ed25519Verify;
}
/** What holds once a .tlog-proof is verified: the leaf is at `index` in the tree of the checkpoint. */
export interface VerifiedTlogProof extends PolicyCheckpoint {
  readonly index: LeafIndex;
}

/** A proof from its text; nothing is verified yet. @throws TlogError malformed_proof */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  if (split < 0) throw malformed('no empty line before the checkpoint');
  const [header, ...lines] = text.slice(0, split).split('\n');
  if (header !== HEADER) throw malformed(`the first line is not ${HEADER}`);
  const [first] = lines;
  const extra = first?.startsWith('extra ') === true ? readBase64(first, 6) : undefined;
  if (extra !== undefined) lines.shift();
  const index = readIndex(lines.shift() ?? '');
  if (lines.length > TLOG_PROOF_HASHES_MAX) throw malformed(`over ${TLOG_PROOF_HASHES_MAX} hashes`);
  const proof = lines.map((line) => readBase64(line, 0));
  if (proof.some((hash) => hash.length !== HASH_BYTES)) throw malformed('a hash has not 32 bytes');
  return { ...(extra === undefined ? {} : { extra }), index, proof, note: text.slice(split + 2) };
}

/** The text of a proof. @throws RangeError a hash has not 32 bytes, or there are over 63 */
export function formatTlogProof({ extra, index, proof, note }: TlogProof): string {
  if (proof.length > TLOG_PROOF_HASHES_MAX || proof.some((hash) => hash.length !== HASH_BYTES)) {
    throw new RangeError(`a proof has at most ${TLOG_PROOF_HASHES_MAX} hashes of ${HASH_BYTES} bytes`);
  }
  const extraLines = extra === undefined ? [] : [`extra ${formatBase64(extra)}`];
  return [HEADER, ...extraLines, `index ${index}`, ...proof.map(formatBase64), '', note].join('\n');
}

/**
 * Accepts iff a log of the policy has signed the checkpoint, the quorum has cosigned it and the leaf is in its tree.
 * @throws TlogError malformed_proof, malformed_note, wrong_origin, bad_signature, unverified_note,
 * malformed_checkpoint, policy_not_met, proof_mismatch
 */
export async function verifyTlogProof(
  hasher: TreeHasher,
  proof: TlogProof,
  { leafHash, policy, ed25519 }: TlogProofTrust,
): Promise<VerifiedTlogProof> {
  const accepted = await verifyCheckpointWithPolicy(proof.note, policy, ed25519);
  const { size, rootHash } = accepted.checkpoint;
  verifyInclusion(hasher, { index: proof.index, size, leafHash, proof: proof.proof, root: rootHash });
  return { ...accepted, index: proof.index };
}

function readIndex(line: string): LeafIndex {
  if (!line.startsWith('index ')) throw malformed('no index line');
  try {
    return parseLeafIndex(line.slice(6));
  } catch (cause) {
    throw new TlogError('malformed_proof', 'not a .tlog-proof: the index cannot be read', { cause });
  }
}

function readBase64(line: string, from: number): Uint8Array {
  try {
    return parseBase64(line.slice(from));
  } catch (cause) {
    throw new TlogError('malformed_proof', 'not a .tlog-proof: a line is not canonical base64', { cause });
  }
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_proof', `not a .tlog-proof: ${why}`);
}
