import { formatHex } from '../encoding/hex.ts';
import { TlogError } from '../error.ts';
import { COSIGNATURE_V1, ED25519, ML_DSA_44, parseVerifierKey, type VerifierKey } from './key.ts';

/** A log that a policy accepts. Its key name is its origin. */
export interface PolicyLog {
  readonly key: VerifierKey;
  readonly url?: string;
}
/** A cosigner of a policy. `name` counts in the policy file alone. */
export interface PolicyWitness extends PolicyLog {
  readonly name: string;
}
/** Satisfied once `threshold` of its members are; members are witnesses or earlier groups. */
export interface PolicyGroup {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}
/** Which checkpoints count (c2sp.org/tlog-policy). `quorum` undefined asks for no cosignature. */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  readonly quorum: string | undefined;
}
/** A cosignature that holds. `witness` is the policy's name, `timeSec` POSIX seconds. */
export interface WitnessTime {
  readonly witness: string;
  readonly timeSec: number;
}
/**
 * `freshnessSec` is the latest POSIX second at which the quorum still vouches: the cosignatures of that second or
 * later satisfy it. Absent when not satisfied, or when the policy asks for no cosignature.
 */
export interface PolicyVerdict {
  readonly satisfied: boolean;
  readonly freshnessSec?: number;
}

interface Draft {
  readonly logs: PolicyLog[];
  readonly witnesses: PolicyWitness[];
  readonly groups: PolicyGroup[];
  readonly names: Set<string>;
  readonly taken: Set<string>;
  readonly keys: Set<string>;
  quorum?: string;
}

const WITNESS_TYPES: readonly number[] = [COSIGNATURE_V1, ML_DSA_44];
const ALLOWED = /^[\t\n\u0020-\u007e\u0080-\u{10ffff}]*$/u;

/** A policy from its file. @throws TlogError malformed_policy; the message names the line */
export function parsePolicy(text: string): Policy {
  if (!ALLOWED.test(text)) throw malformed('it has a control character other than tab and LF');
  // A file cut short could still read as a policy, with a shorter quorum name.
  if (!text.endsWith('\n')) throw malformed('its last line does not end in LF');
  const draft: Draft = {
    logs: [],
    witnesses: [],
    groups: [],
    names: new Set(),
    taken: new Set(),
    keys: new Set(),
  };
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.split(/[ \t]/).filter((word) => word !== '');
    if (words[0]?.startsWith('#') === false) readLine(draft, words, i + 1);
  }
  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === undefined) throw malformed('it has no quorum line');
  return { logs, witnesses, groups, quorum: quorum === 'none' ? undefined : quorum };
}

/** The witnesses of a policy whose cosignatures are not verified here, as their keys are not Ed25519: they count for nothing. */
export function unverifiableWitnesses({ witnesses }: Policy): readonly PolicyWitness[] {
  return witnesses.filter(({ key }) => key.type !== COSIGNATURE_V1);
}

/** In words, why a policy whose quorum cannot be had without such witnesses is of no use here. */
export function unverifiableQuorum(policy: Policy): string {
  const names = unverifiableWitnesses(policy).map(({ name }) => name);
  return `its quorum needs witnesses with keys of ML-DSA-44 (${names.join(', ')}), and their cosignatures cannot be verified here. Choose a quorum that the others are enough for`;
}

/** Whether the quorum can be had of cosignatures that are verified here. */
export function isQuorumVerifiable(policy: Policy): boolean {
  const verifiable = policy.witnesses.filter(({ key }) => key.type === COSIGNATURE_V1);
  return evaluatePolicy(
    policy,
    verifiable.map(({ name }) => ({ witness: name, timeSec: 1 })),
  ).satisfied;
}

/** Whether cosignatures that hold satisfy the quorum. Of several by one witness the latest counts. */
export function evaluatePolicy(policy: Policy, cosigned: readonly WitnessTime[]): PolicyVerdict {
  if (policy.quorum === undefined) return { satisfied: true };
  const times = new Map<string, number>();
  for (const { witness, timeSec } of cosigned) {
    if (!policy.witnesses.some(({ name }) => name === witness)) continue;
    times.set(witness, Math.max(timeSec, times.get(witness) ?? 0));
  }
  // Members stand before their group, so one pass in file order is enough.
  for (const { name, threshold, members } of policy.groups) {
    const known = members.flatMap((member) => times.get(member) ?? []).sort((a, b) => b - a);
    const time = known[threshold - 1];
    if (time !== undefined) times.set(name, time);
  }
  const freshnessSec = times.get(policy.quorum);
  return freshnessSec === undefined ? { satisfied: false } : { satisfied: true, freshnessSec };
}

function readLine(draft: Draft, words: readonly string[], line: number): void {
  const [keyword, ...rest] = words;
  if (keyword === 'log' && (rest.length === 1 || rest.length === 2)) {
    const [vkey = '', url] = rest;
    draft.logs.push({ key: readKey(draft, [ED25519], vkey, line), ...withUrl(url) });
  } else if (keyword === 'witness' && (rest.length === 2 || rest.length === 3)) {
    const [name = '', vkey = '', url] = rest;
    define(draft, name, line);
    draft.witnesses.push({ name, key: readKey(draft, WITNESS_TYPES, vkey, line), ...withUrl(url) });
  } else if (keyword === 'group' && rest.length >= 3) {
    draft.groups.push(readGroup(draft, rest, line));
  } else if (keyword === 'quorum' && rest.length === 1) {
    const [name = ''] = rest;
    readQuorum(draft, name, line);
  } else {
    throw malformed(`line ${line} is no log, witness, group or quorum line`);
  }
}

function readGroup(draft: Draft, words: readonly string[], line: number): PolicyGroup {
  const [name = '', rule = '', ...members] = words;
  for (const member of members) {
    if (!draft.names.has(member)) throw malformed(`line ${line}: ${member} is not defined before it`);
    if (draft.taken.has(member)) throw malformed(`line ${line}: ${member} is a member already`);
    draft.taken.add(member);
  }
  define(draft, name, line);
  const threshold = rule === 'any' ? 1 : rule === 'all' ? members.length : decimal(rule);
  if (!(threshold <= members.length)) {
    throw malformed(`line ${line}: the threshold is not all, any or 1 to ${members.length}`);
  }
  return { name, threshold, members };
}

function readQuorum(draft: Draft, name: string, line: number): void {
  if (draft.quorum !== undefined) throw malformed(`line ${line} is a second quorum line`);
  if (name !== 'none' && !draft.names.has(name)) {
    throw malformed(`line ${line}: ${name} is not defined before it`);
  }
  draft.quorum = name;
}

function readKey(draft: Draft, types: readonly number[], vkey: string, line: number): VerifierKey {
  const key = keyOf(vkey, line);
  if (!types.includes(key.type))
    throw malformed(`line ${line}: the key has type ${key.type}, not ${types.join(' or ')}`);
  const id = `${key.type} ${formatHex(key.publicKey)}`;
  if (draft.keys.has(id)) throw malformed(`line ${line} repeats a public key`);
  draft.keys.add(id);
  return key;
}

function keyOf(vkey: string, line: number): VerifierKey {
  try {
    return parseVerifierKey(vkey);
  } catch (cause) {
    throw new TlogError('malformed_policy', `not a policy: line ${line} has no usable vkey`, { cause });
  }
}

function define({ names }: Draft, name: string, line: number): void {
  if (name === 'none' || names.has(name)) throw malformed(`line ${line}: the name ${name} is taken`);
  names.add(name);
}

function decimal(text: string): number {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : Number.NaN;
}

function withUrl(url: string | undefined): { url?: string } {
  return url === undefined ? {} : { url };
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_policy', `not a policy: ${why}`);
}
