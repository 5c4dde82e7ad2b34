import { type VerifiedCheckpoint, verifyCheckpoint } from '../core/note/checkpoint.ts';
import { parseVerifierKey, type VerifierKey } from '../core/note/key.ts';
import type { Policy } from '../core/note/policy.ts';
import { type PolicyCheckpoint, verifyCheckpointWithPolicy } from '../core/note/policy-checkpoint.ts';
import { createNoteVerifier, type Ed25519Verify, type NoteVerifier } from '../core/note/verifier.ts';

/** Whom a client believes: one log key, whose name is the origin; or the log of that origin as a policy has it. */
export type TrustOptions = { readonly vkey: string } | { readonly policy: Policy; readonly origin: string };

/** Verifies the notes of one log. */
export class LogTrust {
  readonly origin: string;
  /** The log's own keys. */
  readonly logVerifiers: readonly NoteVerifier[];
  readonly keys: readonly VerifierKey[];
  /** Keys of the witnesses that the policy names. */
  readonly witnesses: readonly VerifierKey[];
  readonly ed25519: Ed25519Verify;
  readonly #policy: Policy;

  /** @throws TlogError malformed_key, weak_key; TypeError when the policy has no log of the origin */
  constructor(trust: TrustOptions, ed25519: Ed25519Verify) {
    this.#policy = 'vkey' in trust ? policyOfVkey(trust.vkey) : policyOfOrigin(trust.policy, trust.origin);
    this.ed25519 = ed25519;
    this.keys = this.#policy.logs.map(({ key }) => key);
    this.witnesses = this.#policy.witnesses.map(({ key }) => key);
    this.logVerifiers = this.#policy.logs.map(({ key }) => createNoteVerifier(key, ed25519));
    this.origin = 'vkey' in trust ? (this.logVerifiers[0]?.name ?? '') : trust.origin;
  }

  /** Whether published heads need cosignatures. */
  get asksWitnesses(): boolean {
    return this.#policy.quorum !== undefined;
  }

  /** A checkpoint that the log has signed, whoever cosigned it. @throws as verifyCheckpoint */
  signed(note: Uint8Array | string): Promise<VerifiedCheckpoint> {
    return verifyCheckpoint(note, this);
  }

  /** A checkpoint that satisfies the policy as a whole. @throws as verifyCheckpointWithPolicy */
  published(note: Uint8Array | string): Promise<PolicyCheckpoint> {
    return verifyCheckpointWithPolicy(note, this.#policy, this.ed25519);
  }
}

function policyOfVkey(vkey: string): Policy {
  return { logs: [{ key: parseVerifierKey(vkey) }], witnesses: [], groups: [], quorum: undefined };
}

/** Other logs of the policy must not answer for this one. */
function policyOfOrigin(policy: Policy, origin: string): Policy {
  const logs = policy.logs.filter(({ key }) => key.name === origin);
  if (logs.length === 0) throw new TypeError(`the policy has no log of origin ${JSON.stringify(origin)}`);
  return { ...policy, logs };
}
