import { TlogError } from '../core/error.ts';
import { type CosignatureVerifier, createCosignatureVerifier } from '../core/note/cosignature.ts';
import { disjointQuorums, type TwoQuorums } from '../core/note/disjoint-quorums.ts';
import { formatVerifierKey, parseVerifierKey } from '../core/note/key.ts';
import {
  evaluatePolicy,
  isQuorumVerifiable,
  type Policy,
  type PolicyWitness,
  parsePolicy,
  unverifiableQuorum,
  unverifiableWitnesses,
} from '../core/note/policy.ts';
import { NOTE_SIGNATURES_MAX } from '../core/note/signed-note.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import type { LogDescription } from '../sequencer/log.ts';

/** A witness that can be asked. */
export interface AskedWitness {
  /** Its name in the policy. */
  readonly name: string;
  readonly vkey: string;
  /** What `/add-checkpoint` is put behind. */
  readonly url: string;
  readonly verifier: CosignatureVerifier;
}

/** Whom a log asks, and what counts. */
export interface WitnessPolicy {
  /** The policy with the log's own keys in it, and no other log's. */
  readonly policy: Policy;
  readonly witnesses: readonly AskedWitness[];
  /** Two quorums without a witness in common: with these the log could show two histories. */
  readonly apart: TwoQuorums | undefined;
  /** Names of witnesses whose cosignatures this server cannot verify: they are not asked, and count for nothing. */
  readonly unverified: readonly string[];
}

/**
 * The policy of one log from its file. Lines that name logs may be left out; where there are some, one is this log's.
 * @throws TlogError malformed_policy; invalid_config for a policy that no head of this log can ever satisfy, or that every
 * head does
 */
export function readWitnessPolicy(
  text: string,
  { origin, vkeys }: Pick<LogDescription, 'origin' | 'vkeys'>,
): WitnessPolicy {
  const policy = parsePolicy(text);
  const keys = policy.logs.map(({ key }) => formatVerifierKey(key));
  if (keys.length > 0 && !keys.some((vkey) => vkeys.includes(vkey)))
    throw refused(`no log line has the key of ${origin}`);
  if (policy.quorum === undefined) throw refused('its quorum is none: leave the policy out');
  const unverified = unverifiableWitnesses(policy);
  const witnesses = policy.witnesses.filter((witness) => !unverified.includes(witness)).flatMap(asked);
  // One line is the log's own.
  if (witnesses.length >= NOTE_SIGNATURES_MAX)
    throw refused(`${witnesses.length} witnesses; a note has room for ${NOTE_SIGNATURES_MAX - 1}`);
  if (!isQuorumVerifiable(policy)) throw refused(unverifiableQuorum(policy));
  const enough = witnesses.map(({ name }) => ({ witness: name, timeSec: 1 }));
  if (!evaluatePolicy(policy, enough).satisfied)
    throw refused('the witnesses that have a URL are not its quorum: nothing would ever be published');
  const logs = vkeys.map((vkey) => ({ key: parseVerifierKey(vkey) }));
  return {
    ...{ policy: { ...policy, logs }, witnesses, apart: disjointQuorums(policy) },
    unverified: unverified.map(({ name }) => name),
  };
}

function asked({ name, key, url }: PolicyWitness): AskedWitness[] {
  if (url === undefined) return [];
  const verifier = createCosignatureVerifier(key, ed25519Verify);
  return [{ name, vkey: formatVerifierKey(key), url: checkedUrl(name, url), verifier }];
}

function checkedUrl(name: string, text: string): string {
  if (!URL.canParse(text) || !/^https?:\/\/[^?#]+$/.test(text))
    throw refused(`the URL of ${name} is not http or https, without query and fragment`);
  return text.replace(/\/+$/, '');
}

function refused(why: string): TlogError {
  return new TlogError('invalid_config', `the witness policy cannot be used: ${why}`);
}
