import { utf8Encode } from '../encoding/utf8.ts';
import { TlogError } from '../error.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { createCosignatureVerifier } from './cosignature.ts';
import { formatKeyId } from './key.ts';
import { evaluatePolicy, type Policy, unverifiableWitnesses, type WitnessTime } from './policy.ts';
import { distinctLines, type ParsedNote, parseNote } from './signed-note.ts';
import { createNoteVerifier, type Ed25519Verify } from './verifier.ts';

/** A checkpoint that satisfies a policy. `freshnessSec` as in PolicyVerdict. */
export interface PolicyCheckpoint {
  readonly checkpoint: VerifiedCheckpoint;
  readonly cosigned: readonly WitnessTime[];
  readonly freshnessSec?: number;
}

/**
 * The checkpoint of a note that a log of the policy has signed and its quorum has cosigned. A line of a known key
 * that does not hold refuses the whole note.
 * @throws TlogError malformed_note, wrong_origin, bad_signature, unverified_note, malformed_checkpoint, policy_not_met
 */
export async function verifyCheckpointWithPolicy(
  note: Uint8Array | string,
  policy: Policy,
  ed25519: Ed25519Verify,
): Promise<PolicyCheckpoint> {
  const parsed = parseNote(note);
  const origin = parsed.text.slice(0, parsed.text.indexOf('\n'));
  const logs = policy.logs.filter(({ key }) => key.name === origin);
  if (logs.length === 0) {
    throw new TlogError('wrong_origin', `the policy has no log of origin ${JSON.stringify(origin)}`);
  }
  const logVerifiers = logs.map(({ key }) => createNoteVerifier(key, ed25519));
  const checkpoint = await verifyCheckpoint(note, { origin, logVerifiers });
  const cosigned = await verifyCosignatures(parsed, policy, ed25519);
  const { satisfied, freshnessSec } = evaluatePolicy(policy, cosigned);
  if (!satisfied) {
    throw notMet(parsed, policy, cosigned);
  }
  return { checkpoint, cosigned, ...(freshnessSec === undefined ? {} : { freshnessSec }) };
}

function notMet({ signatures }: ParsedNote, policy: Policy, cosigned: readonly WitnessTime[]): TlogError {
  const names = cosigned.map(({ witness }) => witness);
  const unverified = unverifiableWitnesses(policy)
    .filter(({ key }) => signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId))
    .map(({ name }) => name);
  const also = unverified.length === 0 ? '' : `; of ML-DSA-44, not verified here: ${unverified.join(', ')}`;
  const missing = policy.witnesses.flatMap(({ name }) => (names.includes(name) ? [] : [name]));
  const message = `cosigned by ${listed(names)}, not by ${listed(missing)}: not the quorum ${policy.quorum}${also}`;
  const details = { cosigned: names, quorum: String(policy.quorum) };
  return new TlogError('policy_not_met', message, {
    details: unverified.length === 0 ? details : { ...details, unverified },
  });
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'no known witness' : names.join(', ');
}

async function verifyCosignatures(
  { text, signatures }: ParsedNote,
  policy: Policy,
  ed25519: Ed25519Verify,
): Promise<WitnessTime[]> {
  const message = utf8Encode(text);
  const cosigned: WitnessTime[] = [];
  const unverified = unverifiableWitnesses(policy);
  const lines = distinctLines(signatures);
  for (const witness of policy.witnesses) {
    if (unverified.includes(witness)) continue;
    const { name, key } = witness;
    const verifier = createCosignatureVerifier(key, ed25519);
    for (const line of lines) {
      if (line.name !== key.name || line.keyId !== key.keyId) continue;
      if (!(await verifier.verify(message, line.signature))) {
        const id = `${line.name}+${formatKeyId(line.keyId)}`;
        throw new TlogError('bad_signature', `cosignature of ${id} does not hold`, {
          details: { witness: id },
        });
      }
      cosigned.push({ witness: name, timeSec: verifier.time(line.signature) });
    }
  }
  return cosigned;
}
