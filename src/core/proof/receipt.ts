import { equalBytes } from '../bytes.ts';
import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { TlogError } from '../error.ts';
import type { Hash, TreeHasher } from '../merkle/hasher.ts';
import { HASH_BYTES } from '../merkle/hasher.ts';
import { verifyInclusion } from '../merkle/inclusion.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from '../note/checkpoint.ts';
import type { NoteVerifier } from '../note/verifier.ts';
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from '../units.ts';

/** Most hashes that an inclusion proof can hold. */
const PROOF_HASHES_MAX = 53;

/** What a log answers an append with. Nothing of it is verified. */
export interface Receipt {
  readonly index: LeafIndex;
  readonly leafHash: Hash;
  readonly treeSize: TreeSize;
  readonly rootHash: Hash;
  readonly inclusionProof: readonly Hash[];
  /** The whole signed note. */
  readonly checkpoint: string;
}

/** A receipt from its JSON, with bytes in base64, or from its CBOR, with byte strings. @throws TlogError malformed_proof */
export function parseReceipt(json: unknown): Receipt {
  try {
    const fields = json as Readonly<Record<string, unknown>>;
    const proof = fields['inclusionProof'];
    if (!Array.isArray(proof) || proof.length > PROOF_HASHES_MAX)
      throw new TypeError('inclusionProof is not a list');
    return {
      index: leafIndex(numberOf(fields['index'])),
      leafHash: hashOf(fields['leafHash']),
      treeSize: treeSize(numberOf(fields['treeSize'])),
      rootHash: hashOf(fields['rootHash']),
      inclusionProof: proof.map(hashOf),
      checkpoint: stringOf(fields['checkpoint']),
    };
  } catch (cause) {
    throw new TlogError('malformed_proof', `not a receipt: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The JSON of a receipt, on one line with an LF: what parseReceipt reads. */
export function formatReceipt({
  index,
  leafHash,
  treeSize,
  rootHash,
  inclusionProof,
  checkpoint,
}: Receipt): string {
  const leaf = { index, leafHash: formatBase64(leafHash), treeSize, rootHash: formatBase64(rootHash) };
  return `${JSON.stringify({ ...leaf, inclusionProof: inclusionProof.map(formatBase64), checkpoint })}\n`;
}

/** What a receipt is checked against. The entry, where given, must hash to the leaf. */
export interface ReceiptExpectation {
  readonly origin: string;
  readonly logVerifiers: readonly NoteVerifier[];
  readonly entry?: Uint8Array;
}

/**
 * Checks a receipt offline: signature and origin of its checkpoint, that size and root are the signed ones, the
 * inclusion proof, and the entry where given. Gives the checkpoint that now covers the leaf.
 * @throws TlogError of kind verification or input; whatever is thrown, the receipt proves nothing
 */
export async function verifyReceipt(
  hasher: TreeHasher,
  receipt: Receipt,
  expected: ReceiptExpectation,
): Promise<VerifiedCheckpoint> {
  const checkpoint = await verifyCheckpoint(receipt.checkpoint, expected);
  // Size and root must come from one signed place; what stands beside the proof is only repeated.
  if (receipt.treeSize !== checkpoint.size || !equalBytes(receipt.rootHash, checkpoint.rootHash)) {
    throw new TlogError('proof_mismatch', 'size or root beside the proof is not the signed one');
  }
  if (expected.entry !== undefined && !equalBytes(hasher.leafHash(expected.entry), receipt.leafHash)) {
    throw new TlogError('entry_mismatch', 'the entry is not the one that this receipt is about');
  }
  const { index, leafHash, inclusionProof: proof } = receipt;
  verifyInclusion(hasher, { index, size: checkpoint.size, leafHash, proof, root: checkpoint.rootHash });
  return checkpoint;
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('a number is missing');
  return value;
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text is missing');
  return value;
}

function hashOf(value: unknown): Hash {
  const hash = value instanceof Uint8Array ? Uint8Array.from(value) : parseBase64(stringOf(value));
  if (hash.length !== HASH_BYTES) throw new TypeError('a hash has 32 bytes');
  return hash;
}
