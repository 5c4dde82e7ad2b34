import { expect, test } from 'vitest';
import { RequestBudget } from '../../src/witnessing/request-budget.ts';
import { settle } from '../support/step-clock.ts';

test('WITNESSED-4 so many requests at once over all logs, the others in their order; a failure gives its place on', async () => {
  const budget = new RequestBudget(2);
  const began: number[] = [];
  const ends: ((failure?: Error) => void)[] = [];
  const works = [0, 1, 2, 3, 4].map((i) =>
    budget
      .run(async () => {
        began.push(i);
        await new Promise<void>((resolve, reject) => {
          ends.push((failure) => (failure === undefined ? resolve() : reject(failure)));
        });
      })
      .catch((error: Error) => error.message),
  );
  await settle();
  expect(began).toEqual([0, 1]);
  ends[1]?.(new Error('failed'));
  await settle();
  expect(began).toEqual([0, 1, 2]);
  for (const i of [0, 2, 3, 4]) {
    ends[i]?.();
    await settle();
  }
  expect(began).toEqual([0, 1, 2, 3, 4]);
  expect(await Promise.all(works)).toEqual([undefined, 'failed', undefined, undefined, undefined]);
});
