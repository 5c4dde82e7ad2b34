import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import type { CosignatureVerifier } from '../core/note/cosignature.ts';
import { evaluatePolicy, type Policy, type PolicyVerdict } from '../core/note/policy.ts';
import { formatNote, type NewSignature, parseNote } from '../core/note/signed-note.ts';
import type { SignedHead } from '../sequencer/log.ts';

/** A cosignature that holds. */
export interface Cosignature extends NewSignature {
  /** POSIX seconds. */
  readonly timeSec: number;
}

/**
 * The cosignature of one witness in what it has answered, over the text of a head; other lines are passed over.
 * @throws TlogError malformed_note, unverified_note, bad_signature, malformed_answer for time 0
 */
export async function readCosignature(
  { note }: SignedHead,
  lines: string,
  verifier: CosignatureVerifier,
): Promise<Cosignature> {
  const { text } = parseNote(note);
  const { signatures } = parseNote(`${text}\n${lines}`);
  const own = signatures.find(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId);
  if (own === undefined)
    throw new TlogError('unverified_note', `the witness answered without a signature of ${verifier.name}`);
  // Over our text, whatever else stood in the answer.
  if (!(await verifier.verify(utf8Encode(text), own.signature)))
    throw new TlogError('bad_signature', `the cosignature of ${verifier.name} does not hold`);
  const timeSec = verifier.time(own.signature);
  if (timeSec === 0) throw new TlogError('malformed_answer', `${verifier.name} cosigned at time 0`);
  const { name, keyId, signature } = own;
  return { name, keyId, signature, timeSec };
}

/** A head that all witnesses are asked to cosign, since a quorum has to be over one head. */
export class Candidate {
  readonly head: SignedHead;
  readonly chosenAtMs: number;
  readonly #policy: Policy;
  /** By the witness's name in the policy; owned by `add`. */
  readonly #cosignatures = new Map<string, Cosignature>();

  constructor(head: SignedHead, policy: Policy, chosenAtMs: number) {
    this.head = head;
    this.#policy = policy;
    this.chosenAtMs = chosenAtMs;
  }

  /** A later one of the same witness takes the place of the earlier. */
  add(witness: string, cosignature: Cosignature): void {
    this.#cosignatures.set(witness, cosignature);
  }

  verdict(): PolicyVerdict {
    const times = [...this.#cosignatures].map(([witness, { timeSec }]) => ({ witness, timeSec }));
    return evaluatePolicy(this.#policy, times);
  }

  /** The head's note with all cosignatures behind the log's own, in the order of the policy. */
  note(): string {
    const { text, signatures } = parseNote(this.head.note);
    const cosignatures = this.#policy.witnesses.flatMap(({ name }) => this.#cosignatures.get(name) ?? []);
    return formatNote(text, [...signatures, ...cosignatures]);
  }
}
