import { expect, test } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import { WAITERS_MAX, Waiters } from '../../src/witnessing/waiters.ts';
import { StepClock, settle } from '../support/step-clock.ts';

test('HTTP-32 who waits is woken by a size that covers it, or by time; beyond the bound nobody waits', async () => {
  const clock = new StepClock();
  const waiters = new Waiters(clock);
  const done: string[] = [];
  const wait = (name: string, size: number, ms: number): void => {
    void waiters.until(treeSize(size), ms).then(() => done.push(name));
  };
  wait('of 5', 5, 1_000);
  wait('of 6', 6, 1_000);
  wait('of 7', 7, 500);
  for (let i = waiters.count; i < WAITERS_MAX; i += 1) wait('of many', 8, 1_000);
  wait('one too many', 5, 1_000);
  await settle();
  expect([done, waiters.count]).toEqual([['one too many'], WAITERS_MAX]);
  waiters.wake(treeSize(5));
  await settle();
  clock.pass(500);
  await settle();
  expect(done).toEqual(['one too many', 'of 5', 'of 7']);
  waiters.close();
  await settle();
  expect([done.length, waiters.count]).toEqual([WAITERS_MAX + 1, 0]);
  wait('one who comes late', 9, 1_000);
  await settle();
  expect([done.at(-1), waiters.count]).toEqual(['one who comes late', 0]);
});
