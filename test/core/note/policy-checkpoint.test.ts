import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utf8Encode } from '../../../src/core/encoding/utf8.ts';
import { parsePolicy } from '../../../src/core/note/policy.ts';
import {
  type PolicyCheckpoint,
  verifyCheckpointWithPolicy,
} from '../../../src/core/note/policy-checkpoint.ts';
import type { Ed25519Verify } from '../../../src/core/note/verifier.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';

const read = (name: string) => JSON.parse(readFileSync(`spec/vectors/${name}.json`, 'utf8'));
const keys: { name: string; vkey: string }[] = read('notes').keys;
const { policy_all: all, policy_any: any, cases } = read('tlogproof');
/** Of size 70, too, signed by the log and by a key of ML-DSA-44. */
const { vkey: pqKey, cosigned_note: pqNote } = read('notes').ml_dsa_44;
const withPq = (rule: string): string =>
  all.replace(/^group .*$/m, `witness pq ${pqKey}\ngroup both ${rule}`);
/** Of size 70, cosigned by both witnesses: the checkpoint of the first proof. */
const note: string = cases[0].proof.slice(cases[0].proof.indexOf('\n\n') + 2);
const lineOf = (name: string): string => new RegExp(`\u2014 ${name} .*\n`).exec(note)?.[0] ?? '';
const logLine = lineOf('log.example/vectors');
const [a, b] = [lineOf('witness.example/a'), lineOf('witness.example/b')];
/** The line with other letters where its signature ends. */
const spoilt = (line: string): string =>
  line.replace(/.{3}=*\n$/, (end) => `${end.startsWith('AAA') ? 'BBB' : 'AAA'}${end.slice(3)}`);
/** The line under another key id: its first letters of base64. */
const otherId = (line: string): string => line.replace(/ .{4}([^ ]*\n)$/, ' AAAA$1');

function verified(text: string, policy: string): Promise<PolicyCheckpoint> {
  return verifyCheckpointWithPolicy(text, parsePolicy(policy), ed25519Verify);
}
async function codeOf(text: string, policy: string): Promise<string> {
  return verified(text, policy).then(
    () => 'ok',
    (error) => error.code,
  );
}

describe('NOTE-7 a checkpoint by a policy', () => {
  test('gives the checkpoint, who has cosigned it, and how fresh it is', async () => {
    const expected = { checkpoint: { size: 70, note }, freshnessSec: 1_700_000_000 };
    const cosigned = [
      { witness: 'a', timeSec: 1_700_000_000 },
      { witness: 'b', timeSec: 1_700_000_070 },
    ];
    expect(await verified(note, all)).toMatchObject({ ...expected, cosigned });
    expect(await verifyCheckpointWithPolicy(utf8Encode(note), parsePolicy(all), ed25519Verify)).toMatchObject(
      expected,
    );
  });

  test('of equal lines one is verified, of the log and of each witness', async () => {
    let count = 0;
    const counting: Ed25519Verify = (...args) => {
      count += 1;
      return ed25519Verify(...args);
    };
    const many = note.replace(logLine, logLine.repeat(50)).replace(a ?? '', a?.repeat(48) ?? '');
    const { cosigned } = await verifyCheckpointWithPolicy(many, parsePolicy(all), counting);
    expect([cosigned.map(({ witness }) => witness), count]).toEqual([['a', 'b'], 3]);
  });

  test('without a quorum nothing tells how fresh it is', async () => {
    expect(Object.keys(await verified(note, all.replace(/^quorum .*$/m, 'quorum none')))).toEqual([
      'checkpoint',
      'cosigned',
    ]);
  });

  test.each<[string, string, string, string]>([
    ['one of two is enough', note.replace(b, ''), any, 'ok'],
    ['one of two is not', note.replace(b, ''), all, 'policy_not_met'],
    ['a line that does not hold, not needed', note.replace(b, spoilt(b)), any, 'bad_signature'],
    ['a good line, then a bad one of the same key', `${note}${spoilt(b)}`, all, 'bad_signature'],
    ['a known name with another key id beside it', `${note}${otherId(b)}`, all, 'ok'],
    ['a known name with another key id instead', note.replace(b, otherId(b)), all, 'policy_not_met'],
    ['a known key id with another name beside it', `${note}${b.replace('/b', '/x')}`, all, 'ok'],
    [
      'a known key id with another name instead',
      note.replace(b, b.replace('/b', '/x')),
      all,
      'policy_not_met',
    ],
    ['the log has not signed', note.replace(logLine, ''), any, 'unverified_note'],
    ['the signature of the log does not hold', note.replace(logLine, spoilt(logLine)), any, 'bad_signature'],
    ['no log in the policy', note, any.replace(/^log .*$/m, ''), 'wrong_origin'],
    [
      'another log in the policy',
      note,
      any.replace(/^log .*$/m, `log ${keys.find(({ name }) => name === 'plus.example')?.vkey}`),
      'wrong_origin',
    ],
  ])('%s', async (_, text, policy, code) => {
    expect([a, b, logLine].map((line) => line.length > 50)).toEqual([true, true, true]);
    expect(await codeOf(text, policy)).toBe(code);
  });

  const pqLine = pqNote.slice(pqNote.lastIndexOf('\u2014 witness.example/pq'));
  test.each<[string, string, string, string]>([
    ['is not enough alone, though it is a good one', pqNote, withPq('any a b pq'), 'policy_not_met'],
    [
      'does not help where one of two is missing',
      note.replace(b, pqLine),
      withPq('2 a b pq'),
      'policy_not_met',
    ],
    ['does no harm where the others are enough', `${note}${pqLine}`, withPq('2 a b pq'), 'ok'],
    [
      'is not looked at: one that cannot hold does no harm',
      `${note}${spoilt(pqLine)}`,
      withPq('2 a b pq'),
      'ok',
    ],
    [
      'cannot be done without where all have to sign',
      `${note}${pqLine}`,
      withPq('all a b pq'),
      'policy_not_met',
    ],
    ['is a stranger\u2019s to a policy without its key', `${note}${pqLine}`, all, 'ok'],
  ])('a cosignature of ML-DSA-44 %s', async (_, text, policy, code) => {
    expect(await codeOf(text, policy)).toBe(code);
  });

  test('a quorum that is missed says which cosignatures of ML-DSA-44 were not verified', async () => {
    await expect(verified(pqNote, withPq('any a b pq'))).rejects.toMatchObject({
      message: expect.stringContaining('of ML-DSA-44, not verified here: pq'),
      details: { cosigned: [], quorum: 'both', unverified: ['pq'] },
    });
    const unsigned = await verified(note.replace(b, ''), withPq('2 a b pq')).catch((error) => error);
    expect([unsigned.details, unsigned.message]).toEqual([
      { cosigned: ['a'], quorum: 'both' },
      expect.not.stringContaining('ML-DSA'),
    ]);
  });

  test('a quorum that is missed says which witnesses were there, and what was asked', async () => {
    await expect(verified(note.replace(b, ''), all)).rejects.toMatchObject({
      details: { cosigned: ['a'], quorum: 'both' },
    });
  });
});
