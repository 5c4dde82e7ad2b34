import type { Policy } from './policy.ts';

/** Two sets of witnesses, by their names in the policy. */
export type TwoQuorums = readonly [one: readonly string[], other: readonly string[]];

/**
 * Two sets of witnesses without a common member, each of which satisfies the quorum; undefined where any two have one.
 * With such a policy a log can show two histories, each duly cosigned, though no witness has done wrong. A policy without
 * a quorum needs nobody: two empty sets.
 */
export function disjointQuorums(policy: Policy): TwoQuorums | undefined {
  if (policy.quorum === undefined) return [[], []];
  const sets = new Map<string, Sets>();
  for (const { name } of policy.witnesses) sets.set(name, { any: [name], apart: undefined });
  // Members stand before their group, so one pass in file order is enough.
  for (const { name, threshold, members } of policy.groups) {
    const known = [...sets].flatMap(([member, made]) => (members.includes(member) ? [made] : []));
    sets.set(name, setsOfGroup(known, threshold));
  }
  return sets.get(policy.quorum)?.apart;
}

/** What satisfies a witness or group: some set, and two apart where there are such. */
interface Sets {
  readonly any: readonly string[];
  readonly apart: TwoQuorums | undefined;
}

/**
 * No name is a member twice, so sets of different members are apart, and a member may serve both sides only by two sets
 * of its own. Of n members the two sides take 2k, so 2k - n of them have to serve both.
 */
function setsOfGroup(members: readonly Sets[], threshold: number): Sets {
  const any = members.slice(0, threshold).flatMap((member) => member.any);
  const both = members
    .flatMap((member) => (member.apart === undefined ? [] : [{ member, apart: member.apart }]))
    .slice(0, Math.max(0, 2 * threshold - members.length));
  const own = threshold - both.length;
  const others = members.filter((member) => !both.some((known) => known.member === member));
  if (others.length < 2 * own) return { any, apart: undefined };
  const anyOf = (some: readonly Sets[]): readonly string[] => some.flatMap((member) => member.any);
  const one = [...both.flatMap(({ apart }) => apart[0]), ...anyOf(others.slice(0, own))];
  const other = [...both.flatMap(({ apart }) => apart[1]), ...anyOf(others.slice(own, 2 * own))];
  return { any, apart: [one, other] };
}
