import { TlogError } from '../core/error.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import { formatCheckpoint } from '../core/note/checkpoint.ts';
import { formatNote } from '../core/note/signed-note.ts';
import type { NoteSigner, NoteVerifier } from '../core/note/verifier.ts';
import type { TreeSize } from '../core/units.ts';
import type { SignedHead } from './log.ts';

/** Signs tree heads of one origin. The note is a function of origin, size and root: Ed25519 has no randomness. */
export class HeadSigner {
  readonly #origin: string;
  readonly #signer: NoteSigner;
  readonly #verifier: NoteVerifier;

  constructor(origin: string, signer: NoteSigner, verifier: NoteVerifier) {
    this.#origin = origin;
    this.#signer = signer;
    this.#verifier = verifier;
  }

  /** The signed head; its signature is verified before it leaves, which also keeps faults from leaking the key. */
  async sign(size: TreeSize, rootHash: Hash): Promise<SignedHead> {
    const text = formatCheckpoint({ origin: this.#origin, size, rootHash, extensions: [] });
    const bytes = Buffer.from(text);
    const signature = await this.#signer.sign(bytes);
    if (!(await this.#verifier.verify(bytes, signature))) {
      throw new TlogError(
        'self_check_failed',
        'the signature does not verify; nothing was published. Check the key and the memory',
      );
    }
    const { name, keyId } = this.#signer;
    return { size, rootHash, note: formatNote(text, [{ name, keyId, signature }]) };
  }
}
