import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COSIGNATURE_V1, computeKeyId, formatVerifierKey } from '../../../src/core/note/key.ts';
import {
  evaluatePolicy,
  isQuorumVerifiable,
  parsePolicy,
  unverifiableQuorum,
  unverifiableWitnesses,
  type WitnessTime,
} from '../../../src/core/note/policy.ts';

interface Key {
  readonly name: string;
  readonly vkey: string;
}
const keys: Key[] = JSON.parse(readFileSync('spec/vectors/notes.json', 'utf8')).keys;
const proofs = JSON.parse(readFileSync('spec/vectors/tlogproof.json', 'utf8'));

function vkeyOf(name: string): string {
  return keys.find((key) => key.name === name)?.vkey ?? '';
}
const log = `log ${vkeyOf('log.example/vectors')}`;
const a = `witness a ${vkeyOf('witness.example/a')}`;
const pqKey: string = JSON.parse(readFileSync('spec/vectors/notes.json', 'utf8')).ml_dsa_44.vkey;
const pq = `witness pq ${pqKey}`;
const b = `witness b ${vkeyOf('witness.example/b')}`;
/** Twelve witnesses with keys of their own. */
const many = Array.from({ length: 12 }, (_, i) => {
  const publicKey = new Uint8Array(32).fill(i + 2);
  const named = { name: `w${i}.example`, type: COSIGNATURE_V1, publicKey };
  const keyId = computeKeyId(named.name, named.type, publicKey);
  return `witness w${i} ${formatVerifierKey({ ...named, keyId })}`;
});
const manyNames = many.map((line) => line.split(' ')[1]).join(' ');
const file = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;
const cosigned = (times: Record<string, number>): WitnessTime[] =>
  Object.entries(times).map(([witness, timeSec]) => ({ witness, timeSec }));

describe('NOTE-5 policies are read', () => {
  test('the vectors, with names, thresholds and members', () => {
    const all = parsePolicy(proofs.policy_all);
    expect(all.logs.map(({ key }) => key.name)).toEqual(['log.example/vectors']);
    expect(all.witnesses.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(all.groups).toEqual([{ name: 'both', threshold: 2, members: ['a', 'b'] }]);
    expect(parsePolicy(proofs.policy_any).groups[0]?.threshold).toBe(1);
  });

  test('tabs, empty lines, comments, URLs, no logs at all', () => {
    const policy = parsePolicy(
      file('\t# a comment', '#another', '', ' \t', `\t${a}\thttps://w.example/ `, 'quorum a'),
    );
    expect(policy).toMatchObject({ logs: [], quorum: 'a', witnesses: [{ url: 'https://w.example/' }] });
  });

  test('a log with and without its URL', () => {
    const other = `log ${vkeyOf('plus.example')} https://log.example/`;
    expect(parsePolicy(file(log, other, 'quorum none')).logs).toMatchObject([
      { key: { name: 'log.example/vectors' } },
      { key: { name: 'plus.example' }, url: 'https://log.example/' },
    ]);
  });

  test.each([
    ['1', 1],
    ['2', 2],
    ['10', 10],
    ['12', 12],
    ['any', 1],
    ['all', 12],
  ])('a threshold of %s of twelve', (rule, threshold) => {
    const policy = parsePolicy(file(...many, `group g ${rule} ${manyNames}`, 'quorum g'));
    expect(policy.groups).toEqual([{ name: 'g', threshold, members: manyNames.split(' ') }]);
  });

  test('a witness with a key of ML-DSA-44, which counts for nothing here', () => {
    const policy = parsePolicy(file(log, a, `${pq} https://w.example/`, 'group g any a pq', 'quorum g'));
    expect(policy.witnesses.map(({ key }) => key.type)).toEqual([4, 6]);
    expect(unverifiableWitnesses(policy).map(({ name }) => name)).toEqual(['pq']);
    expect(unverifiableQuorum(policy)).toContain('(pq)');
    expect(unverifiableWitnesses(parsePolicy(file(a, b, 'quorum a')))).toEqual([]);
  });

  test.each([
    ['a', true],
    ['none', true],
    ['pq', false],
    ['any', true],
    ['all', false],
  ])('whether a quorum of %s can be had without such a witness: %j', (quorum, isVerifiable) => {
    const group = ['any', 'all'].includes(quorum) ? [`group ${quorum} ${quorum} a pq`] : [];
    expect(isQuorumVerifiable(parsePolicy(file(a, pq, ...group, `quorum ${quorum}`)))).toBe(isVerifiable);
  });

  test('a log without a URL has none', () => {
    expect(Object.keys(parsePolicy(file(log, 'quorum none')).logs[0] ?? {})).toEqual(['key']);
  });

  test('the letter K and the Kelvin sign are two names', () => {
    const kelvin = b.replace('witness b', 'witness \u212a');
    expect(parsePolicy(file(a.replace('witness a', 'witness K'), kelvin, 'quorum \u212a')).quorum).toBe(
      '\u212a',
    );
  });
});

describe('NOTE-5 what a policy may not be', () => {
  test.each([
    ['no quorum', file(log, a)],
    ['two quorums', file('quorum none', 'quorum none')],
    ['an undefined quorum', file('quorum a')],
    ['a quorum before its witness', file('quorum a', a)],
    ['a group of nobody', file(a, 'group g any', 'quorum g')],
    ['a group before its member', file('group g any a', a, 'quorum g')],
    ['a group with itself', file(a, 'group g any a g', 'quorum g')],
    ['none as a member', file('group g any none', 'quorum g')],
    ['the name none', file(a.replace('witness a', 'witness none'), 'quorum none')],
    ['one name for two', file(a, b.replace('witness b', 'witness a'), 'quorum a')],
    ['a member twice in a group', file(a, 'group g 1 a a', 'quorum g')],
    ['a member of two groups', file(a, 'group g any a', 'group h any a', 'quorum g')],
    ['threshold 0', file(a, 'group g 0 a', 'quorum g')],
    ['threshold above the members', file(a, 'group g 2 a', 'quorum g')],
    ['threshold with a leading zero', file(a, 'group g 01 a', 'quorum g')],
    ['one witness key twice', file(a, a.replace('witness a', 'witness c'), 'quorum a')],
    ['one log key twice', file(log, log, 'quorum none')],
    ['a log key as witness', file(log.replace('log', 'witness x'), 'quorum none')],
    ['a witness key as log', file(a.replace('witness a', 'log'), 'quorum none')],
    ['an ML-DSA-44 key as log', file(`log ${pqKey}`, 'quorum none')],
    ['an ML-DSA-44 key twice', file(pq, `witness other ${pqKey}`, 'quorum pq')],
    ['a broken ML-DSA-44 key', file(`${pq.slice(0, -4)}AAA=`, 'quorum pq')],
    ['a broken key', file('log x+00000000+AAAA', 'quorum none')],
    ['a log with two URLs', file(`${log} https://a.example/ https://b.example/`, 'quorum none')],
    ['a log without a key', file('log', 'quorum none')],
    ['a witness with two URLs', file(`${a} https://a.example/ https://b.example/`, 'quorum a')],
    ['a quorum of two', file(a, b, 'quorum a b')],
    ['an unknown keyword', file('cosigner a', 'quorum none')],
    ['an unknown keyword, and what a quorum line has', file(a, 'cosigner a')],
    ['an unknown keyword, and what a group line has', file(a, 'cosigner g any a', 'quorum g')],
    ['a group of all of nobody', file(a, 'group g all', 'quorum g')],
    ['threshold 1e0', file(a, 'group g 1e0 a', 'quorum g')],
    ['threshold 1.0', file(a, 'group g 1.0 a', 'quorum g')],
    ['threshold 13 of 12', file(...many, `group g 13 ${manyNames}`, 'quorum g')],
    ['a control character in a comment', file('# \u0001', 'quorum none')],
    ['DEL in a comment', file('# \u007f', 'quorum none')],
    ['a comment behind a line', file('quorum none # really')],
    ['CRLF', 'quorum none\r\n'],
    ['U+00A0 as a separator', file('quorum\u00a0none')],
    ['no LF at the end', 'quorum none'],
    ['nothing', ''],
  ])('%s', (_, text) => {
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ code: 'malformed_policy' }));
  });
});

test('NOTE-5 the message names the line, and a broken key is the cause', () => {
  expect(() => parsePolicy(file(log, '', 'nonsense', 'quorum none'))).toThrow('line 3 ');
  const cause = expect.objectContaining({ code: 'malformed_key' });
  expect(() => parsePolicy(file('log x+00000000+AAAA'))).toThrow(expect.objectContaining({ cause }));
});

describe('NOTE-6 the quorum and its freshness', () => {
  const c = `witness c ${vkeyOf('witness.example/a')}`;
  const nested = file(c, b, 'group g any c', 'group h all g b', 'quorum h');
  test.each<[string, string, Record<string, number>, ReturnType<typeof evaluatePolicy>]>([
    ['none asks for nothing', file('quorum none'), {}, { satisfied: true }],
    ['one witness', file(a, 'quorum a'), { a: 5 }, { satisfied: true, freshnessSec: 5 }],
    ['time 0 is a time', file(a, 'quorum a'), { a: 0 }, { satisfied: true, freshnessSec: 0 }],
    ['the other witness', file(a, b, 'quorum a'), { b: 5 }, { satisfied: false }],
    ['a stranger', file(a, 'quorum a'), { x: 5 }, { satisfied: false }],
    ['a group is no witness', proofs.policy_all, { both: 5 }, { satisfied: false }],
    ['all: the older', proofs.policy_all, { a: 5, b: 7 }, { satisfied: true, freshnessSec: 5 }],
    ['any: the newer', proofs.policy_any, { a: 5, b: 7 }, { satisfied: true, freshnessSec: 7 }],
    ['all: one missing', proofs.policy_all, { a: 5 }, { satisfied: false }],
    ['a group in a group', nested, { c: 9, b: 7 }, { satisfied: true, freshnessSec: 7 }],
    ['a group in a group, one missing', nested, { b: 7 }, { satisfied: false }],
  ])('%s', (_, text, times, verdict) => {
    expect(evaluatePolicy(parsePolicy(text), cosigned(times))).toEqual(verdict);
  });

  test('one witness twice counts once, with its later time', () => {
    const twice = [...cosigned({ a: 5 }), ...cosigned({ a: 3 })];
    expect(evaluatePolicy(parsePolicy(proofs.policy_all), twice).satisfied).toBe(false);
    expect(evaluatePolicy(parsePolicy(proofs.policy_any), twice).freshnessSec).toBe(5);
  });
});
