import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COSIGNATURE_V1 } from '../../src/core/note/key.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { readWitnessPolicy } from '../../src/witnessing/witness-policy.ts';
import { testSigner } from '../support/growing-log.ts';

const log = { origin: 'log.example/main', vkeys: [testSigner('log.example/main').vkey] };
const vkeyOf = (i: number): string =>
  generateSigningKey((length) => new Uint8Array(length).fill(i + 2), `w${i}.example`, COSIGNATURE_V1).vkey;
const witness = (i: number, url = ` https://w${i}.example/`): string => `witness w${i} ${vkeyOf(i)}${url}`;
const pqKey: string = JSON.parse(readFileSync('spec/vectors/notes.json', 'utf8')).ml_dsa_44.vkey;
const pq = `witness pq ${pqKey} https://pq.example/`;
const file = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;
const two = [witness(0), witness(1)];

describe('WITNESSED-7 which policies a log can be served with', () => {
  test('its witnesses with their addresses, and its own key as the only log', () => {
    const read = readWitnessPolicy(
      file(
        `log ${log.vkeys[0]}`,
        `log ${testSigner('other.example', 2).vkey}`,
        ...two,
        'group g all w0 w1',
        'quorum g',
      ),
      log,
    );
    expect(read.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['w0', 'https://w0.example'],
      ['w1', 'https://w1.example'],
    ]);
    expect(read.policy.logs.map(({ key }) => key.name)).toEqual(['log.example/main']);
    expect(read.apart).toBeUndefined();
  });

  test('http, a private address and a path are an operator’s choice', () => {
    const read = readWitnessPolicy(file(witness(0, ' http://10.0.0.1:8081/w/'), 'quorum w0'), log);
    expect(read.witnesses[0]?.url).toBe('http://10.0.0.1:8081/w');
  });

  test('a witness without an address is not asked, and counts where others are enough', () => {
    const read = readWitnessPolicy(file(witness(0), witness(1, ''), 'group g any w0 w1', 'quorum g'), log);
    expect(read.witnesses.map(({ name }) => name)).toEqual(['w0']);
  });

  test('a witness whose key is of ML-DSA-44 is not asked, and is told', () => {
    const read = readWitnessPolicy(file(...two, pq, 'group g 2 w0 w1 pq', 'quorum g'), log);
    expect([read.witnesses.map(({ name }) => name), read.unverified]).toEqual([['w0', 'w1'], ['pq']]);
    expect(read.policy.witnesses).toHaveLength(3);
    expect(readWitnessPolicy(file(...two, 'group g all w0 w1', 'quorum g'), log).unverified).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['it alone', file(pq, 'quorum pq'), 'keys of ML-DSA-44 (pq)'],
    ['it and another', file(...two, pq, 'group g all w0 pq', 'quorum g'), 'keys of ML-DSA-44 (pq)'],
    [
      'it without a URL',
      file(witness(0), `witness pq ${pqKey}`, 'group g all w0 pq', 'quorum g'),
      'keys of ML-DSA-44 (pq)',
    ],
    [
      'it and one without a URL',
      file(witness(0, ''), pq, 'group g all w0 pq', 'quorum g'),
      'keys of ML-DSA-44 (pq)',
    ],
    [
      'not it, but one without a URL',
      file(witness(0, ''), witness(1), pq, 'group g all w0 w1', 'quorum g'),
      'that have a URL',
    ],
  ])('a quorum that needs %s is refused in words of its own', (_, text, why) => {
    const refused = { code: 'invalid_config', message: expect.stringContaining(why) };
    expect(() => readWitnessPolicy(text, log)).toThrow(expect.objectContaining(refused));
  });

  test('two quorums apart are told', () => {
    const read = readWitnessPolicy(file(...two, 'group g any w0 w1', 'quorum g'), log);
    expect(read.apart).toEqual([['w0'], ['w1']]);
  });

  test.each<[string, string, string]>([
    ['not a policy', 'malformed_policy', 'hello\n'],
    [
      'the logs of others',
      'invalid_config',
      file(`log ${testSigner('other.example').vkey}`, witness(0), 'quorum w0'),
    ],
    [
      'another key of the origin',
      'invalid_config',
      file(`log ${testSigner('log.example/main', 2).vkey}`, witness(0), 'quorum w0'),
    ],
    ['quorum none', 'invalid_config', file(witness(0), 'quorum none')],
    [
      'a quorum that nobody can be asked for',
      'invalid_config',
      file(witness(0), witness(1, ''), 'group g all w0 w1', 'quorum g'),
    ],
    ['no http', 'invalid_config', file(witness(0, ' ftp://w.example/'), 'quorum w0')],
    ['a query', 'invalid_config', file(witness(0, ' https://w.example/?a=b'), 'quorum w0')],
    ['no address', 'invalid_config', file(witness(0, ' w.example'), 'quorum w0')],
    [
      'more witnesses than a note has lines',
      'invalid_config',
      file(...Array.from({ length: 100 }, (_, i) => witness(i)), 'quorum w0'),
    ],
  ])('refused: %s', (_, code, text) => {
    expect(() => readWitnessPolicy(text, log)).toThrow(expect.objectContaining({ code }));
  });

  test('99 witnesses fit', () => {
    const many = Array.from({ length: 99 }, (_, i) => witness(i));
    expect(readWitnessPolicy(file(...many, 'quorum w0'), log).witnesses).toHaveLength(99);
  });
});
