import { concatBytes } from '../bytes.ts';
import { utf8Encode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { SIZE_MAX } from '../units.ts';
import { checkEd25519PublicKey } from './ed25519-key.ts';
import { COSIGNATURE_V1, parseVerifierKey, type VerifierKey } from './key.ts';
import type { Ed25519Verify, NoteVerifier } from './verifier.ts';

/** Length of a cosignature behind its key id: u64 time, then 64 bytes of Ed25519. */
export const COSIGNATURE_BYTES = 72;
/** A cosignature/v1 behind its key id. `timeSec` is POSIX seconds, at most 2^53 - 1. */
export interface CosignaturePayload {
  readonly timeSec: number;
  readonly ed25519: Uint8Array;
}
/** Checks cosignatures of one key over the text of a checkpoint. */
export interface CosignatureVerifier extends NoteVerifier {
  /** POSIX seconds that a cosignature claims. Unproven until `verify` holds. @throws TlogError malformed_note */
  time(signature: Uint8Array): number;
}

/**
 * The bytes a cosigner signs (c2sp.org/tlog-cosignature, Ed25519). `checkpointText` is the whole text with its
 * final LF. @throws RangeError the time is not whole seconds from 0 to 2^53 - 1
 */
export function cosignatureMessage(checkpointText: string, timeSec: number): Uint8Array {
  checkTime(timeSec);
  return utf8Encode(`cosignature/v1\ntime ${timeSec}\n${checkpointText}`);
}

/** A cosignature as it stands behind the key id. @throws RangeError time out of range, or not 64 bytes */
export function encodeCosignature({ timeSec, ed25519 }: CosignaturePayload): Uint8Array {
  checkTime(timeSec);
  if (ed25519.length !== 64) throw new RangeError(`an Ed25519 signature of ${ed25519.length} bytes`);
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(timeSec));
  return concatBytes(time, ed25519);
}

/** Time and signature of a cosignature. @throws TlogError malformed_note: length, or a time over 2^53 - 1 */
export function decodeCosignature(signature: Uint8Array): CosignaturePayload {
  if (signature.length !== COSIGNATURE_BYTES) {
    throw new TlogError('malformed_note', `a cosignature has ${COSIGNATURE_BYTES} bytes behind its key id`);
  }
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (time > BigInt(SIZE_MAX)) {
    throw new TlogError('malformed_note', `a cosignature has a time over ${SIZE_MAX} seconds`);
  }
  return { timeSec: Number(time), ed25519: signature.slice(8) };
}

/** Verifier of a cosigner's key (type 4). @throws TlogError malformed_key, weak_key */
export function createCosignatureVerifier(
  vkey: string | VerifierKey,
  ed25519: Ed25519Verify,
): CosignatureVerifier {
  const key = typeof vkey === 'string' ? parseVerifierKey(vkey) : vkey;
  if (key.type !== COSIGNATURE_V1) {
    throw new TlogError('malformed_key', `key type ${key.type} is not cosignature/v1 (4)`);
  }
  checkEd25519PublicKey(key.publicKey);
  const publicKey = Uint8Array.from(key.publicKey);
  return {
    name: key.name,
    keyId: key.keyId,
    time: (signature) => decodeCosignature(signature).timeSec,
    verify(text, signature) {
      const payload = payloadOf(signature);
      if (payload === undefined) return false;
      const prefix = utf8Encode(`cosignature/v1\ntime ${payload.timeSec}\n`);
      return ed25519(publicKey, concatBytes(prefix, text), payload.ed25519);
    },
  };
}

function payloadOf(signature: Uint8Array): CosignaturePayload | undefined {
  try {
    return decodeCosignature(signature);
  } catch {
    return undefined; // a verifier answers false to bytes that cannot be a signature
  }
}

function checkTime(timeSec: number): void {
  if (!Number.isSafeInteger(timeSec) || timeSec < 0) throw new RangeError(`cosignature time: ${timeSec}`);
}
