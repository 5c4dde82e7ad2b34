import { sign } from 'node:crypto';
import { TlogError } from '../core/error.ts';
import {
  cosignatureMessage,
  createCosignatureVerifier,
  encodeCosignature,
} from '../core/note/cosignature.ts';
import { COSIGNATURE_V1, formatVerifierKey, parseSignerKey } from '../core/note/key.ts';
import { formatSignatureLine } from '../core/note/signed-note.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { privateKeyOfSeed, publicKeyOfSeed } from './signer.ts';

/** Cosigns checkpoints with one key. Which algorithm it is shows in the vkey alone. */
export interface Cosigner {
  readonly name: string;
  readonly vkey: string;
  /**
   * The signature line with its LF, over the whole text of a checkpoint: that at `timeSec` (POSIX seconds, not 0) this
   * was the largest tree of its origin that the cosigner had seen. The line is verified before it leaves.
   * @throws TlogError self_check_failed
   */
  cosign(checkpointText: string, timeSec: number): Promise<string>;
}

/** Cosigner of a cosignature/v1 skey (type 4, Ed25519). @throws TlogError malformed_key, weak_key */
export function createCosigner(skey: string): Cosigner {
  const key = parseSignerKey(skey, publicKeyOfSeed);
  if (key.type !== COSIGNATURE_V1)
    throw new TlogError('malformed_key', `key type ${key.type} is not cosignature/v1 (4)`);
  const { name, keyId, seed } = key;
  const verifier = createCosignatureVerifier(key, ed25519Verify);
  const privateKey = privateKeyOfSeed(seed);
  return {
    name,
    vkey: formatVerifierKey(key),
    cosign: async (text, timeSec) => {
      const ed25519 = Uint8Array.from(sign(null, cosignatureMessage(text, timeSec), privateKey));
      const signature = encodeCosignature({ timeSec, ed25519 });
      // As a log checks its own: it also keeps a fault of the memory from leaking the key.
      if (!(await verifier.verify(Buffer.from(text), signature)))
        throw new TlogError('self_check_failed', 'a cosignature does not verify; nothing was given out');
      return formatSignatureLine({ name, keyId, signature });
    },
  };
}
