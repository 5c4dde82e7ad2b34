import { describe, expect, test } from 'vitest';
import { askBeforeSigning } from '../../src/witnessing/before-signing.ts';
import { RequestBudget } from '../../src/witnessing/request-budget.ts';
import { readWitnessPolicy } from '../../src/witnessing/witness-policy.ts';
import { settle } from '../support/step-clock.ts';
import { type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

const NEVER = new Promise<Response>(() => undefined);

/** Asks all witnesses of a desk; gives what an operator was told of. */
async function ask(
  { clock, log, policy, witnesses }: WitnessingDesk,
  answer: (witness: string) => Promise<Response>,
): Promise<{ readonly asked: Promise<void>; readonly trouble: unknown[] }> {
  const trouble: unknown[] = [];
  const asked = askBeforeSigning(log, {
    ...{ clock, policy: readWitnessPolicy(policy, log), timeoutMs: 60_000, budget: new RequestBudget(32) },
    fetch: (url) => answer(new URL(url).hostname.replace('.example', '')),
    keepAlert: () => Promise.reject(new Error(`nothing to tell of ${Object.keys(witnesses)}`)),
    onTrouble: ({ code }, witness) => trouble.push([code, witness]),
  });
  return { asked, trouble };
}

describe('WITNESSED-6 before a tree that a crash left without a head is signed', () => {
  test.each<[string, (witness: string) => Promise<Response>, unknown[]]>([
    ['one that holds nothing of the log', async () => new Response('', { status: 404 }), []],
    ['one that shows what the log has not signed', async () => new Response('hello'), []],
    [
      'one that cannot be reached',
      () => Promise.reject(new TypeError('fetch failed')),
      [['unreachable', 'a']],
    ],
  ])('%s is no reason to wait', async (_, answer, told) => {
    const desk = await witnessingDesk();
    const { asked, trouble } = await ask(desk, answer);
    await asked;
    expect(trouble).toEqual(told);
    expect(desk.clock.monotonicMs()).toBe(0);
  });

  test('one that does not answer is waited for, five seconds and no longer', async () => {
    const desk = await witnessingDesk({ count: 2 });
    const { asked, trouble } = await ask(desk, (witness) =>
      witness === 'a' ? NEVER : Promise.resolve(new Response('', { status: 404 })),
    );
    let isOver = false;
    const over = asked.then(() => {
      isOver = true;
    });
    desk.clock.pass(4_999);
    await settle();
    expect([isOver, trouble]).toEqual([false, []]);
    desk.clock.pass(1);
    await over;
    expect(trouble).toEqual([['unreachable', 'a']]);
  });
});
