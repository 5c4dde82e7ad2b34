import { describe, expect, test } from 'vitest';
import { disjointQuorums } from '../../../src/core/note/disjoint-quorums.ts';
import { COSIGNATURE_V1, computeKeyId, formatVerifierKey } from '../../../src/core/note/key.ts';
import { evaluatePolicy, type Policy, parsePolicy } from '../../../src/core/note/policy.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Six witnesses, and what stands behind them. */
function policyOf(...lines: readonly string[]): Policy {
  const witnesses = NAMES.map((name, i) => {
    const publicKey = new Uint8Array(32).fill(i + 2);
    const key = { name: `${name}.example`, type: COSIGNATURE_V1, publicKey };
    return `witness ${name} ${formatVerifierKey({ ...key, keyId: computeKeyId(key.name, key.type, publicKey) })}`;
  });
  return parsePolicy(`${[...witnesses, ...lines].join('\n')}\n`);
}

const satisfies = (policy: Policy, names: readonly string[]): boolean =>
  evaluatePolicy(
    policy,
    names.map((witness) => ({ witness, timeSec: 1 })),
  ).satisfied;

/** By trying every set of witnesses against its complement: what grows never stops to satisfy. */
function naive(policy: Policy): boolean {
  return Array.from({ length: 2 ** NAMES.length }, (_, bits) => {
    const one = NAMES.filter((_, i) => Math.floor(bits / 2 ** i) % 2 === 1);
    return (
      satisfies(policy, one) &&
      satisfies(
        policy,
        NAMES.filter((name) => !one.includes(name)),
      )
    );
  }).includes(true);
}

describe('NOTE-8 whether a quorum can be satisfied by two sets apart', () => {
  test.each<[string, boolean, readonly string[]]>([
    ['one witness', false, ['quorum a']],
    ['one of one', false, ['group g any a', 'quorum g']],
    ['one of two', true, ['group g any a b', 'quorum g']],
    ['two of two', false, ['group g all a b', 'quorum g']],
    ['two of three', false, ['group g 2 a b c', 'quorum g']],
    ['two of four', true, ['group g 2 a b c d', 'quorum g']],
    ['three of five', false, ['group g 3 a b c d e', 'quorum g']],
    ['three of six', true, ['group g 3 a b c d e f', 'quorum g']],
    ['none', true, ['quorum none']],
    [
      'both of two halves, each split',
      true,
      ['group g any a b', 'group h any c d', 'group q all g h', 'quorum q'],
    ],
    [
      'both of two halves, one whole',
      false,
      ['group g any a b', 'group h all c d', 'group q all g h', 'quorum q'],
    ],
    ['a split member in a majority', false, ['group g any a b', 'group q 3 g c d', 'quorum q']],
    ['a split member that both sides need', true, ['group g any a b', 'group q 2 g c d', 'quorum q']],
    ['a split group beside the quorum', false, ['group g any a b', 'group q 2 c d e', 'quorum q']],
  ])('%s: %s', (_, splits, lines) => {
    const policy = policyOf(...lines);
    expect(naive(policy)).toBe(splits);
    const found = disjointQuorums(policy);
    expect(found !== undefined).toBe(splits);
    const [one = [], other = []] = found ?? [];
    expect(one.filter((name) => other.includes(name))).toEqual([]);
    if (splits) expect([satisfies(policy, one), satisfies(policy, other)]).toEqual([true, true]);
  });

  const thresholds = ['1', '2', '3'];
  const trees = thresholds.flatMap((first) =>
    thresholds.flatMap((second) =>
      ['1', '2'].map((top) => [
        ...[`group g ${first} a b c`, `group h ${second} d e f`],
        ...[`group q ${top} g h`, 'quorum q'],
      ]),
    ),
  );
  test('as trying all sets says, for every threshold of groups in groups', () => {
    for (const lines of trees) {
      const policy = policyOf(...lines);
      expect([lines, disjointQuorums(policy) !== undefined]).toEqual([lines, naive(policy)]);
    }
  });
});
