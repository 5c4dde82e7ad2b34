import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { ATTACKS, tryAttack } from './attacks.ts';
import { honestLook, honestRun } from './honest-runs.ts';

const SEED = Number(process.env['VITEST_SEED'] ?? Date.now() % 2 ** 32);
const PER_ATTACK = Math.ceil(1_000 / Object.keys(ATTACKS).length);
const HONEST = 10_000;
/** So many of them are of two who talk. */
const IN_PAIRS = 500;

/** Attacks that nobody can call by a name: it is enough that nobody takes anything. */
const NAMELESS = ['a silence', 'a server that cries fork'];

console.info(`attack seed ${SEED}`);

describe('MONITOR-2 GOSSIP-2 a thousand attacks: detected within two rounds of gossip, or nobody has taken anything', () => {
  test.each(Object.keys(ATTACKS))(`%s, ${PER_ATTACK} times`, { timeout: 120_000 }, async (name) => {
    const wrong: string[] = [];
    let detected = 0;
    for (let i = 0; i < PER_ATTACK; i += 1) {
      const outcome = await tryAttack(name, new SeededRandom(SEED + i));
      if (outcome.wrong !== undefined) wrong.push(`seed ${SEED + i}: ${outcome.wrong}`);
      if (outcome.detected) detected += 1;
    }
    expect(wrong).toEqual([]);
    expect(detected > 0).toBe(!NAMELESS.includes(name));
  });
});

describe('MONITOR-5 an honest log', () => {
  test(`${HONEST} runs with lag, lost answers and gossip: no word`, { timeout: 240_000 }, async () => {
    const wrong: string[] = [];
    for (let i = 0; i < HONEST; i += 1) {
      const random = new SeededRandom(SEED + i);
      const found = await (i < IN_PAIRS ? honestRun(random) : honestLook(random));
      if (found !== undefined) wrong.push(`seed ${SEED + i}: ${found}`);
    }
    expect(wrong).toEqual([]);
  });
});
