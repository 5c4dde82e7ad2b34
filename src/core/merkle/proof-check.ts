import { TlogError } from '../error.ts';
import { HASH_BYTES, type Hash } from './hasher.ts';

/** The error of a proof that cannot be one, whatever its hashes are. */
export function malformedProof(message: string): TlogError {
  return new TlogError('malformed_proof', message);
}

/** The error of a proof that is well formed and does not lead to the root hash. */
export function proofMismatch(message: string): TlogError {
  return new TlogError('proof_mismatch', message);
}

/** Sizes and indexes reach a verifier from outside. @throws TlogError malformed_proof unless a whole number to 2^53-1 */
export function checkCount(what: string, n: number): void {
  if (!Number.isSafeInteger(n) || n < 0)
    throw malformedProof(`${what} is not a whole number from 0 to 2^53-1: ${n}`);
}

/** Verifiers hash only hashes of the right length. @throws TlogError malformed_proof unless each has 32 bytes */
export function checkHashes(what: string, hashes: readonly Hash[]): void {
  for (const hash of hashes) {
    if (hash.length !== HASH_BYTES)
      throw malformedProof(`${what} has ${hash.length} bytes, not ${HASH_BYTES}`);
  }
}

/** @throws TlogError malformed_proof unless the proof has exactly the length that its sizes need */
export function checkLength(what: string, proof: readonly Hash[], wanted: number): void {
  if (proof.length !== wanted)
    throw malformedProof(`${what} has ${proof.length} hashes, it must have ${wanted}`);
}
